import { realpathSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { initCluster } from "../databases/postgres/lab/init-cluster.ts";
import { type LabServer, startServer, type StartServerRequest } from "../databases/postgres/lab/start-server.ts";
import type { DatabaseRef } from "../drills/database-ref.ts";
import type { SandboxRef } from "../drills/sandbox-ref.ts";
import type { PostgresBinaries, Session } from "../steps/ports/postgres.ts";
import { findProcesses, killFound } from "../support/processes.ts";
import type { App } from "../wire.ts";
import { type OrdersSize, ordersDatabase } from "./orders-database.ts";

/**
 * A primary with an orders database, its archive and its backups. All of it lives in one sandbox, so that the watchdog and
 * `firedrill clean` remove it like any other when the demo is killed.
 */
export interface Lab extends AsyncDisposable {
  readonly database: DatabaseRef;
  readonly port: number;
  readonly backupsDir: string;
  readonly archiveDir: string;
  /** A folder for what the demo makes besides. */
  path(name: string): string;
  session(): Promise<Session>;
  /** Finishes the present WAL segment and waits until the archive has it; returns its name. */
  archiveNow(): Promise<string>;
  /** What a base backup is taken through: the same database. */
  takeBackup(name: string): Promise<void>;
  /** The disaster: every process of the primary is killed and its data directory is deleted. */
  lose(): Promise<void>;
}

export interface LabRequest extends OrdersSize {
  readonly ttlMs: number;
  readonly signal: AbortSignal;
}

const SUPERUSER = "postgres";
/** Nothing of the first filling has to survive a crash: no WAL, no fsync, until the database is there. */
const LOADING = {
  wal_level: "minimal",
  max_wal_senders: "0",
  fsync: "off",
  max_wal_size: "4GB",
  autovacuum: "off",
  maintenance_work_mem: "256MB",
};
const SERVING = { wal_level: "replica", max_wal_size: "1GB", checkpoint_timeout: "15min" };

export async function createLab(app: App, request: LabRequest): Promise<Lab> {
  const { signal } = request;
  const sandbox = await app.sandboxes.plan({ ttlMs: request.ttlMs, fence: "settings" });
  const labels = { installation: app.state.installation, run: "demo", epoch: 1, title: "the demo's primary" };
  await app.sandboxes.create(sandbox, labels, signal);
  try {
    const binaries = await newestServer(app, signal);
    const launch = await preparePrimary(app, sandbox, binaries, signal);
    await load(app, await launch(LOADING, null), request);
    const server = await launch(SERVING, join(sandbox.dir, "archive"));
    return labOf(app, sandbox, server, signal);
  } catch (error) {
    await removeSandbox(app, sandbox);
    throw error;
  }
}

/** The demo needs no client tools: any server will do, the one from npm if there is no other. */
export async function newestServer(app: App, signal: AbortSignal): Promise<PostgresBinaries> {
  const [newest] = (await app.binaries.all(signal)).toSorted((a, b) => b.major - a.major);
  return newest ?? (await app.binaries.forMajor(18, signal));
}

/** Null: we are that user already. */
export function sandboxUser({ uid, gid }: SandboxRef): { readonly uid: number; readonly gid: number } | null {
  return process.getuid?.() === 0 ? { uid, gid } : null;
}

type LaunchPrimary = (settings: Readonly<Record<string, string>>, archiveDir: string | null) => Promise<LabServer>;

async function preparePrimary(
  app: App,
  sandbox: SandboxRef,
  binaries: PostgresBinaries,
  signal: AbortSignal,
): Promise<LaunchPrimary> {
  const user = sandboxUser(sandbox);
  const dataDir = join(sandbox.dir, "data", "primary");
  const launcher: StartServerRequest["launcher"] = ({ argv, env, cwd }, abort) =>
    app.sandboxes.launch(sandbox, { name: "primary", argv, env, cwd }, abort);
  await mkdir(dataDir);
  await app.sandboxes.own(sandbox, dataDir);
  const common = { binaries, dataDir, user, superuser: SUPERUSER, launcher, signal };
  await initCluster({ ...common, password: null });
  const logPath = join(sandbox.dir, "log", "primary.log");
  return (settings, archiveDir) =>
    startServer({
      ...common,
      socketDir: join(sandbox.dir, "socket"),
      logPath,
      port: sandbox.port,
      archiveDir,
      settings: { shared_buffers: "256MB", ...settings },
    });
}

async function load(app: App, server: LabServer, { orders, signal }: LabRequest): Promise<void> {
  await using loading = server;
  await using session = await open(app, loading.database, signal);
  for (const statement of ordersDatabase({ orders })) await session.query(statement);
}

function open(app: App, database: DatabaseRef, signal: AbortSignal): Promise<Session> {
  return app.sessions.open(database, { readOnly: false, statementTimeoutMs: 0, connectTimeoutMs: 10_000, signal });
}

function labOf(app: App, sandbox: SandboxRef, server: LabServer, signal: AbortSignal): Lab {
  const { database, dataDir } = server;
  const backupsDir = join(sandbox.dir, "backups");
  return {
    database,
    port: database.port,
    backupsDir,
    archiveDir: join(sandbox.dir, "archive"),
    path: (name) => join(sandbox.dir, name),
    session: () => open(app, database, signal),
    archiveNow: () => archiveNow(app, database, signal),
    async takeBackup(name) {
      const take = {
        database,
        into: backupsDir,
        name,
        method: "replication",
        format: "plain",
        label: name,
        checkpoint: "fast",
      } as const;
      await app.maker.create(take, { signal, progress: () => undefined });
    },
    async lose() {
      killAll(dataDir, sandbox.uid);
      await server.stop("immediate");
      await rm(dataDir, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => removeSandbox(app, sandbox),
  };
}

async function archiveNow(app: App, database: DatabaseRef, signal: AbortSignal): Promise<string> {
  await using session = await open(app, database, signal);
  // A switch writes nothing when the segment is still empty: something must stand in it first.
  await session.query("select pg_logical_emit_message(true, 'demo', 'end of segment')");
  const [row] = await session.query<{ segment: string }>("select pg_walfile_name(pg_switch_wal()) as segment");
  const segment = row?.segment ?? "";
  for (;;) {
    const [state] = await session.query<{ done: string }>(
      "select coalesce(last_archived_wal, '') as done from pg_stat_archiver",
    );
    if ((state?.done ?? "") >= segment) return segment;
    signal.throwIfAborted();
    await session.query("select pg_sleep(0.02)");
  }
}

function killAll(dataDir: string, uid: number): void {
  for (const process of findProcesses({ dir: realpathSync(dataDir), marker: null, uid }).found) killFound(process);
}

export async function removeSandbox(app: App, sandbox: SandboxRef): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  await app.sandboxes.keeper.destroy({ ...sandbox }, signal);
}
