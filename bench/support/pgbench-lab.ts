import { type ExecFileOptions, execFile } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * A PostgreSQL of the machine's own packages with pgbench data, an archive written by `archive_command`, and a base backup by
 * the real `pg_basebackup`; the server is stopped, as after a disaster.
 */
export interface PgbenchLab extends Disposable {
  readonly dir: string;
  readonly bin: string;
  readonly backupDir: string;
  readonly archiveDir: string;
  /** Account rows, and the truth at the end of the archive. */
  readonly rows: number;
  /** WAL position and commit time of the last transaction that was archived. */
  readonly lastCommit: { readonly lsn: string; readonly wallUs: number };
  readonly user: ServiceUser | null;
  /** Runs a program as the user that owns the servers. */
  exec(program: string, args: readonly string[], options?: ExecFileOptions): Promise<string>;
}

interface ServiceUser {
  readonly uid: number;
  readonly gid: number;
}

/** Newest server under Debian's folder that has the client tools, or null. */
export function distributionBin(): string | null {
  const root = "/usr/lib/postgresql";
  const majors = safeList(root)
    .map(Number)
    .filter(Number.isInteger)
    .toSorted((a, b) => b - a);
  const found = majors
    .map((major) => join(root, String(major), "bin"))
    .find((bin) => {
      const tools = safeList(bin);
      return ["initdb", "pg_ctl", "pgbench", "psql", "pg_basebackup"].every((tool) => tools.includes(tool));
    });
  return found ?? null;
}

export interface LabOptions {
  /** How long pgbench goes on writing behind the backup. */
  readonly seconds: number;
  /** Called when all is archived and nothing writes any more, with the server still up. */
  beforeStop?(server: RunningLab): Promise<void>;
}

export interface RunningLab {
  readonly dir: string;
  readonly socketDir: string;
  readonly port: number;
}

/** `scale` is pgbench's: 1 is about 15 MB. */
export async function createPgbenchLab(scale: number, options: LabOptions = { seconds: 5 }): Promise<PgbenchLab> {
  const bin = distributionBin();
  if (bin === null)
    throw new Error("needs a PostgreSQL server with pgbench and pg_basebackup under /usr/lib/postgresql");
  const user = serviceUser();
  const dir = mkdtempSync(join(tmpdir(), "firedrill-bench-"));
  own(dir, user);
  const at = (name: string): string => join(dir, name);
  const exec = async (program: string, args: readonly string[], extra: ExecFileOptions = {}): Promise<string> => {
    const path = program.includes("/") ? program : join(bin, program);
    const { stdout } = await run(path, [...args], {
      ...user,
      cwd: dir,
      maxBuffer: 1 << 26,
      env: { LC_ALL: "C", PATH: process.env["PATH"], PGHOST: dir },
      ...extra,
    });
    return String(stdout).trim();
  };
  for (const name of ["archive", "backups"]) {
    mkdirSync(at(name));
    own(at(name), user);
  }
  const port = String(await freePort());
  const env = {
    LC_ALL: "C",
    PATH: process.env["PATH"],
    PGHOST: dir,
    PGPORT: port,
    PGUSER: "postgres",
    PGDATABASE: "postgres",
  };
  await exec("initdb", ["-D", at("primary"), "-U", "postgres", "-A", "trust", "--data-checksums", "--no-sync"]);
  const conf = [
    `port=${port}`,
    `unix_socket_directories='${dir}'`,
    "listen_addresses=''",
    "wal_level=replica",
    "track_commit_timestamp=on",
    "autovacuum=off",
    "archive_mode=on",
    `archive_command='test ! -f "${at("archive")}/%f" && cp %p "${at("archive")}/%f"'`,
    "max_wal_size=8GB",
    "shared_buffers=512MB",
    "",
  ].join("\n");
  writeFileSync(join(at("primary"), "postgresql.auto.conf"), conf);
  await exec("pg_ctl", ["-D", at("primary"), "-l", at("primary.log"), "-w", "start"]);
  await exec("pgbench", ["-i", "-q", "-s", String(scale)], { env });
  await exec("pg_basebackup", ["-D", join(at("backups"), "base"), "-c", "fast", "-X", "stream", "--no-sync"], { env });
  await exec("pgbench", ["-c", "4", "-T", String(options.seconds)], { env });
  const sql = (query: string): Promise<string> => exec("psql", ["-XAtc", query], { env });
  await sql("select pg_logical_emit_message(true, 'bench', 'last')");
  const lsn = await sql("select pg_current_wal_insert_lsn()");
  const wallUs = await sql("select (extract(epoch from timestamp) * 1000000)::bigint from pg_last_committed_xact()");
  const last = await sql("select pg_walfile_name(pg_switch_wal())");
  await archived(() => sql("select last_archived_wal from pg_stat_archiver"), last);
  const rows = Number(await sql("select count(*) from pgbench_accounts"));
  await options.beforeStop?.({ dir, socketDir: dir, port: Number(port) });
  await exec("pg_ctl", ["-D", at("primary"), "-m", "immediate", "stop"]);
  return {
    dir,
    bin,
    backupDir: at("backups"),
    archiveDir: at("archive"),
    rows,
    lastCommit: { lsn, wallUs: Number(wallUs) },
    user,
    exec,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** Polls the server, which counts what its archiver has finished; every question is a round trip, so no sleep is needed. */
async function archived(ask: () => Promise<string>, segment: string): Promise<void> {
  const deadline = process.hrtime.bigint() + 60_000_000_000n;
  while ((await ask()) < segment) {
    if (process.hrtime.bigint() > deadline) throw new Error(`${segment} was not archived within 60 s`);
  }
}

export function inventoryText(lab: Pick<PgbenchLab, "backupDir" | "archiveDir">): string {
  return JSON.stringify({
    apiVersion: "firedrill/v1",
    kind: "Inventory",
    systems: [
      {
        name: "bench",
        engine: "postgresql",
        environment: "test",
        backups: [{ kind: "directory", path: lab.backupDir, wal: lab.archiveDir }],
      },
    ],
  });
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Servers refuse to run as root: as root they run as `postgres`, or else `nobody`. */
function serviceUser(): ServiceUser | null {
  if (process.getuid?.() !== 0) return null;
  const lines = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const entry = lines.find(([name]) => name === "postgres") ?? lines.find(([name]) => name === "nobody");
  return { uid: Number(entry?.[2]), gid: Number(entry?.[3]) };
}

function own(path: string, user: ServiceUser | null): void {
  if (user !== null) chownSync(path, user.uid, user.gid);
}

function safeList(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
