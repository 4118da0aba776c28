import { chmod, chown, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import type { PostgresBinaries } from "../../../steps/ports/postgres.ts";
import { type Launcher, spawnLauncher } from "../launcher.ts";
import { readLogTail } from "../server-log.ts";
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
  /** How initdb is started; a plain child process when absent. */
  readonly launcher?: Launcher;
}

/** Makes a cluster for a lab: checksums, UTF-8, the C locale, no fsync of its first files. */
export async function initCluster(request: InitClusterRequest): Promise<void> {
  const { dataDir, user, binaries, superuser } = request;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await giveTo(dataDir, user);
  await chmod(dataDir, 0o700);
  const passwordFile = `${dataDir}.pw`;
  const auth =
    request.password === null
      ? ["--auth=trust"]
      : ["--auth-local=trust", "--auth-host=scram-sha-256", `--pwfile=${passwordFile}`];
  const args = [
    "-D",
    dataDir,
    "-U",
    superuser,
    ...auth,
    "--data-checksums",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
  ];
  try {
    if (request.password !== null) await writePassword(passwordFile, request.password, user);
    await runInitdb(request, [join(binaries.bin, "initdb"), ...args]);
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

async function runInitdb(request: InitClusterRequest, argv: readonly string[]): Promise<void> {
  const { dataDir, signal, user } = request;
  const launch = request.launcher ?? spawnLauncher(user);
  const { exited, logPath } = await launch(
    { argv, env: { LC_ALL: "C" }, cwd: dirname(dataDir), logPath: `${dataDir}.initdb.log` },
    signal,
  );
  // A launched program does not keep us alive by itself.
  const alive = setInterval(() => undefined, 60_000);
  const { code } = await exited.finally(() => clearInterval(alive));
  signal.throwIfAborted();
  if (code !== 0) {
    const why = (await readLogTail(logPath, 4096)).trim().split("\n").at(-1) ?? "";
    throw new StepError("permanent", "PG_INITDB", `initdb could not make a cluster in ${dataDir}: ${why}`);
  }
  if (request.launcher === undefined) await rm(logPath, { force: true });
}
