import { execFile } from "node:child_process";
import { chmod, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { StepError } from "../../../drills/step-error.ts";
import type { PostgresBinaries } from "../../../steps/ports/postgres.ts";
import type { ServiceUser } from "../service-user.ts";

export interface InitClusterRequest {
  readonly binaries: PostgresBinaries;
  /** Made when missing; must be empty otherwise. */
  readonly dataDir: string;
  /** Null: the user that we are, who must not be root. */
  readonly user: ServiceUser | null;
  readonly superuser: string;
  /** Null: only the unix socket in a private folder, no password. */
  readonly password: string | null;
  readonly signal: AbortSignal;
}

const run = promisify(execFile);

/** Makes a cluster for a lab: checksums, UTF-8, the C locale, no fsync of its first files. */
export async function initCluster(request: InitClusterRequest): Promise<void> {
  const { dataDir, user, binaries, superuser } = request;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await giveTo(dataDir, user);
  await chmod(dataDir, 0o700);
  const passwordFile = `${dataDir}.pw`;
  const auth = request.password === null ? ["--auth=trust"] : ["--auth-local=trust", "--auth-host=scram-sha-256", `--pwfile=${passwordFile}`];
  const args = ["-D", dataDir, "-U", superuser, ...auth, "--data-checksums", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"];
  try {
    if (request.password !== null) await writePassword(passwordFile, request.password, user);
    await run(join(binaries.bin, "initdb"), args, { ...user, cwd: "/", env: { LC_ALL: "C" }, signal: request.signal });
  } catch (error) {
    request.signal.throwIfAborted();
    throw new StepError("permanent", "PG_INITDB", `initdb could not make a cluster in ${dataDir}: ${lastLine(error)}`, { cause: error });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function writePassword(path: string, password: string, user: ServiceUser | null): Promise<void> {
  await writeFile(path, `${password}\n`, { mode: 0o600, flag: "wx" });
  await giveTo(path, user);
}

async function giveTo(path: string, user: ServiceUser | null): Promise<void> {
  if (user !== null) await chown(path, user.uid, user.gid);
}

function lastLine(error: unknown): string {
  const text = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  return text.trim().split("\n").at(-1) ?? "";
}
