import { execFile } from "node:child_process";
import { mkdtemp, rm, chmod, chown } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createBinaries } from "../../src/databases/postgres/binaries.ts";
import { initCluster } from "../../src/databases/postgres/lab/init-cluster.ts";
import { type LabServer, startServer } from "../../src/databases/postgres/lab/start-server.ts";
import type { ServiceUser } from "../../src/databases/postgres/service-user.ts";
import { createSessions } from "../../src/databases/postgres/sessions.ts";
import type { DatabaseRef } from "../../src/drills/database-ref.ts";
import type { PostgresBinaries, Session, Sessions } from "../../src/steps/ports/postgres.ts";

/** A small real server for the checks: PostgreSQL of the npm package, its own folder, only a unix socket inside it. */
export interface ChecksLab extends AsyncDisposable {
  readonly dir: string;
  readonly dataDir: string;
  readonly sessions: Sessions;
  /** As a restored copy: with a sandbox, so that checks may install what they need. */
  database(name?: string): DatabaseRef;
  /** Writes as the superuser. */
  sql(text: string, name?: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  session(name?: string): Promise<Session>;
  /** Stops without a checkpoint, lets `change` loose on the data directory, starts again. */
  offline(change: (dataDir: string) => Promise<void>): Promise<void>;
  stop(mode: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
}

/** PostgreSQL refuses root: then the server runs as nobody (65534 everywhere that matters). */
export const labUser: ServiceUser | null = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : null;

const SIGNAL = new AbortController().signal;

export async function npmPostgres(cacheDir: string): Promise<PostgresBinaries> {
  const { resolve } = createRequire(import.meta.url);
  const npm = {
    resolve: (name: string) => resolve(name),
    platform: process.platform,
    arch: process.arch,
    serviceUser: labUser,
    cacheDir,
  };
  const [found] = await createBinaries({ option: null, configured: [], path: "", systemPatterns: [], npm }).all(SIGNAL);
  if (found === undefined) throw new Error("the PostgreSQL of the npm package is not installed");
  return found;
}

/** `initdbArgs`: for clusters that the lab does not make, such as one without checksums. */
export async function startChecksLab(
  settings: Readonly<Record<string, string>> = {},
  initdbArgs: readonly string[] | null = null,
): Promise<ChecksLab> {
  const dir = await mkdtemp(join(tmpdir(), "fd-checks-"));
  let server: LabServer | null = null;
  const dispose = async (): Promise<void> => {
    await server?.stop("immediate");
    await rm(dir, { recursive: true, force: true });
  };
  try {
    if (labUser !== null) await chown(dir, labUser.uid, labUser.gid);
    await chmod(dir, 0o755);
    const binaries = await npmPostgres(join(dir, "bin"));
    const dataDir = join(dir, "data");
    if (initdbArgs === null)
      await initCluster({ binaries, dataDir, user: labUser, superuser: "postgres", password: null, signal: SIGNAL });
    else
      await promisify(execFile)(
        join(binaries.bin, "initdb"),
        ["-D", dataDir, "-U", "postgres", "--auth=trust", "--locale=C", "--no-sync", ...initdbArgs],
        { ...labUser, cwd: "/", env: { LC_ALL: "C" } },
      );
    const start = async (): Promise<void> => {
      server = await startServer({
        binaries,
        dataDir,
        socketDir: join(dir, "s"),
        logPath: join(dir, "server.log"),
        user: labUser,
        superuser: "postgres",
        port: 0,
        archiveDir: null,
        settings: { fsync: "off", autovacuum: "off", shared_buffers: "16MB", max_connections: "20", ...settings },
        signal: SIGNAL,
      });
    };
    await start();
    const sessions = createSessions({ secret: () => Promise.reject(new Error("no secret in the lab")) });
    const database = (name = "postgres"): DatabaseRef => {
      if (server === null) throw new Error("the server is not up");
      return { ...server.database, sandbox: "lab", database: name };
    };
    const session = (name?: string): Promise<Session> =>
      sessions.open(database(name), {
        readOnly: false,
        statementTimeoutMs: 0,
        connectTimeoutMs: 10_000,
        signal: SIGNAL,
      });
    const stop = async (mode: "fast" | "immediate"): Promise<void> => server?.stop(mode);
    return {
      dir,
      dataDir,
      sessions,
      database,
      session,
      stop,
      start,
      async sql(text, name) {
        await using open = await session(name);
        return await open.query(text);
      },
      async offline(change) {
        await stop("fast");
        await change(dataDir);
        await start();
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
