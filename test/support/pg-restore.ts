import { chmod, mkdir, readFile, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { spawnLauncher } from "../../src/databases/postgres/launcher.ts";
import { createRestoreDriver } from "../../src/databases/postgres/recovery/recover.ts";
import { stopServer } from "../../src/databases/postgres/server-stop.ts";
import { parseRecoveryTarget } from "../../src/drills/recovery-target.ts";
import type { SandboxRef } from "../../src/drills/sandbox-ref.ts";
import type { WalFeed, Watch } from "../../src/steps/ports/backup-source.ts";
import type { Recovered, RecoverRequest } from "../../src/steps/ports/postgres.ts";
import type { Sandboxes } from "../../src/steps/ports/sandbox.ts";
import { freePort } from "../../src/databases/postgres/free-port.ts";
import { clock, openSession, own, quiet, sandboxIds, serviceUser, sessions } from "./pg-machine.ts";
import { copyOwned, type History, value } from "./pg-history.ts";

/** Stands in for the sandbox driver: a folder and plain child processes, no fence. */
export const plainSandboxes: Pick<Sandboxes, "launch" | "own"> = {
  own: async (_ref, path) => own(path),
  launch: (ref, launch, signal) =>
    spawnLauncher(serviceUser)({ ...launch, logPath: join(ref.dir, "log", `${launch.name}.log`) }, signal),
};

export interface TestSandbox extends AsyncDisposable {
  readonly ref: SandboxRef;
  readonly dataDir: string;
  log(): Promise<string>;
}

/** In a folder of its own below `parent`. */
export async function makeSandbox(parent: string, name = `sb-${randomBytes(4).toString("hex")}`): Promise<TestSandbox> {
  const dir = join(parent, name);
  await mkdir(dir, { recursive: true });
  for (const part of ["data", "tablespaces", "socket", "spool", "log"]) {
    await mkdir(join(dir, part));
    await own(join(dir, part));
    await chmod(join(dir, part), 0o700);
  }
  const ref: SandboxRef = {
    kind: "process",
    id: "sb-test",
    dir,
    port: await freePort(),
    fence: "settings",
    ...sandboxIds,
    expiresWallUs: 0,
  };
  const dataDir = join(dir, "data");
  return {
    ref,
    dataDir,
    log: () => readFile(join(dir, "log/postgres.log"), "utf8").catch(() => ""),
    async [Symbol.asyncDispose]() {
      await stopServer(dataDir, "immediate");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Hands WAL over straight from a folder, as the simplest `restore_command` does. */
export function plainFeed(archive: string, override: Partial<WalFeed> = {}): WalFeed {
  return {
    restoreCommand: `cp '${archive}/%f' '%p'`,
    handedOver: () => ({ segments: 0, bytes: 0 }),
    failure: () => null,
    [Symbol.asyncDispose]: async () => undefined,
    ...override,
  };
}

export interface RestoreWish extends Partial<Omit<RecoverRequest, "target">> {
  readonly until?: string;
}

export function requestFor(
  history: History,
  sandbox: TestSandbox,
  { until = "latest", ...wish }: RestoreWish = {},
): RecoverRequest {
  const target = parseRecoveryTarget(until);
  if (target === undefined) throw new Error(`not a target: ${until}`);
  return {
    sandbox: sandbox.ref,
    dataDir: sandbox.dataDir,
    binaries: history.binaries,
    backup: history.backup,
    target,
    timeline: "latest",
    wal: plainFeed(history.archive),
    finish: "promote",
    durability: "throwaway",
    superuser: "postgres",
    database: "postgres",
    settings: { shared_buffers: "32MB" },
    expectedLsn: null,
    ...wish,
  };
}

export const driver = createRestoreDriver({
  sandboxes: plainSandboxes,
  sessions,
  clock,
  random: randomBytes,
  totalMemoryBytes: 2 ** 31,
});

/** Copies the backup into the sandbox and recovers it. */
export async function restore(
  history: History,
  sandbox: TestSandbox,
  wish: RestoreWish = {},
  watch: Watch = quiet,
): Promise<Recovered> {
  const request = requestFor(history, sandbox, wish);
  await copyOwned(request.backup.path, sandbox.dataDir);
  return driver.recover(request, watch);
}

export async function rowCount({ database }: Recovered): Promise<number> {
  await using session = await openSession(database);
  return Number(await value(session, "select count(*) from t"));
}
