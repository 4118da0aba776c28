import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBaseBackup } from "../../src/databases/postgres/backup/create-base-backup.ts";
import { initCluster } from "../../src/databases/postgres/lab/init-cluster.ts";
import { type LabServer, startServer } from "../../src/databases/postgres/lab/start-server.ts";
import { runHeartbeat } from "../../src/databases/postgres-content/heartbeat.ts";
import type { Session } from "../../src/steps/ports/postgres.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { archived, value } from "./pg-history.ts";
import { own, quiet, serviceUser, sessions, testBinaries } from "./pg-machine.ts";

/**
 * A folder as the documentation assumes it: `backups/`, `wal/`, `inventory.yaml` with the system `orders`, `playbooks/`.
 * Its primary, with a table `orders` and a heartbeat, runs until it is stopped.
 */
export interface CliLab extends AsyncDisposable {
  readonly dir: string;
  /** After 1,000 orders and before 500 more, as a playbook writes it. */
  readonly moment: string;
  readonly primary: LabServer;
  path(name: string): string;
  /** A copy of the folder's files without the primary, for what changes or damages them. */
  copyTo(name: string): Promise<string>;
}

export const PROJECT = join(import.meta.dirname, "../..");
const signal = new AbortController().signal;
const SERVER = { fsync: "off", autovacuum: "off", shared_buffers: "16MB", max_connections: "20" };

export async function makeCliLab(): Promise<CliLab> {
  const dir = await mkdtemp(join(tmpdir(), "firedrill-cli-"));
  await chmod(dir, 0o755);
  const path = (name: string): string => join(dir, name);
  let primary: LabServer | null = null;
  const dispose = async (): Promise<void> => {
    await primary?.stop("immediate");
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await mkdir(path("primary"));
    await own(path("primary"));
    primary = await startPrimary(dir);
    const moment = await live(primary, dir);
    await writeFile(path("inventory.yaml"), inventoryOf(primary));
    await cp(join(PROJECT, "playbooks"), path("playbooks"), { recursive: true });
    const copyTo = async (name: string): Promise<string> => {
      await mkdir(path(name));
      for (const part of ["backups", "wal", "inventory.yaml", "playbooks"]) {
        await cp(path(part), join(path(name), part), { recursive: true, verbatimSymlinks: true });
      }
      return path(name);
    };
    return { dir, moment, primary, path, copyTo, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function startPrimary(dir: string): Promise<LabServer> {
  const binaries = await testBinaries().forMajor(18, signal);
  const common = { binaries, dataDir: join(dir, "primary/data"), user: serviceUser, superuser: "postgres", signal };
  await initCluster({ ...common, password: null });
  const places = {
    socketDir: join(dir, "primary/socket"),
    logPath: join(dir, "primary/log"),
    archiveDir: join(dir, "wal"),
  };
  return startServer({ ...common, ...places, port: 0, settings: SERVER });
}

/** 500 orders, the backup, 500 more, the moment, 500 more; all of it archived. */
async function live({ database }: LabServer, dir: string): Promise<string> {
  const open = (abort: AbortSignal): Promise<Session> =>
    sessions.open(database, { readOnly: false, statementTimeoutMs: 60_000, connectTimeoutMs: 10_000, signal: abort });
  await using session = await open(signal);
  await session.query("create table orders (id bigint primary key, created_at timestamptz not null default now())");
  await order(session, 1, 500);
  const request = {
    database,
    into: join(dir, "backups"),
    name: "base-1",
    method: "replication",
    format: "plain",
  } as const;
  const taking = { sessions, binaries: testBinaries(), clock: systemClock(), secret: async () => "" };
  await createBaseBackup(taking, { ...request, label: "base-1", checkpoint: "fast" }, quiet);
  await order(session, 501, 1000);
  const moment = await value(
    session,
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
  );
  await order(session, 1001, 1500);
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  await runHeartbeat({
    connect: open,
    schema: "firedrill",
    intervalMs: 5,
    count: 2,
    clock: systemClock(),
    signal,
    log,
  });
  await session.query("select pg_switch_wal()");
  await archived(session);
  return moment;
}

async function order(session: Session, from: number, to: number): Promise<void> {
  await session.query(`insert into orders select i from generate_series(${from}, ${to}) i`);
}

function inventoryOf({ database }: LabServer): string {
  return `apiVersion: firedrill/v1
kind: Inventory
systems:
  - name: orders
    engine: postgresql
    environment: test
    owner: team-orders
    endpoints: { primary: { host: 127.0.0.1, port: ${database.port} } }
    backups:
      - { path: ./backups, wal: ./wal }
    heartbeat: { interval: 1s }
`;
}
