import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { createBaseBackup } from "../../src/databases/postgres/backup/create-base-backup.ts";
import { initCluster } from "../../src/databases/postgres/lab/init-cluster.ts";
import { type LabServer, startServer } from "../../src/databases/postgres/lab/start-server.ts";
import type { BackupRef } from "../../src/drills/backup-ref.ts";
import type { PostgresBinaries, Session } from "../../src/steps/ports/postgres.ts";
import { clock, openSession, own, quiet, serviceUser, sessions, testBinaries } from "./pg-machine.ts";

/** A small system's past: a base backup at 500 rows, then 1000, 1500 and 1700 rows, all of it archived. */
export interface History {
  readonly dir: string;
  readonly binaries: PostgresBinaries;
  readonly backup: BackupRef;
  readonly archive: string;
  /** Just after row 1000 was committed. */
  readonly at1000: { readonly time: string; readonly lsn: string };
  readonly beforeBackup: string;
  readonly newestCommitUs: number;
  readonly archiveEndLsn: string;
}

const run = promisify(execFile);
const signal = new AbortController().signal;

export async function makeHistory(
  dir: string,
  major: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<History> {
  const binaries = await testBinaries().forMajor(major, signal);
  const archive = join(dir, "archive");
  await initCluster({
    binaries,
    dataDir: join(dir, "primary"),
    user: serviceUser,
    superuser: "postgres",
    password: null,
    signal,
  });
  await using server = await startLab(dir, "primary", binaries, archive, settings);
  await using session = await openSession(server.database);
  await session.query("create table t as select i from generate_series(1, 500) i");
  const beforeBackup = await value(session, "select clock_timestamp()::text");
  const backup = await takeBackup(server, dir, "base");
  await session.query("insert into t select i from generate_series(501, 1000) i");
  const time = await value(session, "select clock_timestamp()::text");
  await session.query("select pg_create_restore_point('at 1000')");
  const lsn = await value(session, "select pg_current_wal_lsn()::text");
  await session.query("insert into t select i from generate_series(1001, 1500) i");
  await session.query("select pg_switch_wal()");
  await session.query("insert into t select i from generate_series(1501, 1700) i");
  const newestCommitUs = Number(
    await value(session, "select floor(extract(epoch from clock_timestamp()) * 1000000)::bigint::text"),
  );
  await session.query("select pg_switch_wal()");
  const archiveEndLsn = await archived(session);
  return {
    dir,
    binaries,
    backup,
    archive,
    at1000: { time: zulu(time), lsn },
    beforeBackup: zulu(beforeBackup),
    newestCommitUs,
    archiveEndLsn,
  };
}

/** Another life of the same system: promoted at row 1000, eleven rows more, on timeline 2. Returns its archive. */
export async function makeFork(history: History): Promise<string> {
  const archive = join(history.dir, "archive-forked");
  await copyOwned(history.archive, archive);
  await copyOwned(history.backup.path, join(history.dir, "fork"));
  await writeFile(join(history.dir, "fork/recovery.signal"), "");
  await own(join(history.dir, "fork/recovery.signal"));
  const recovery = {
    restore_command: `cp '${archive}/%f' '%p'`,
    recovery_target_name: "at 1000",
    recovery_target_action: "promote",
  };
  await using server = await startLab(history.dir, "fork", history.binaries, archive, recovery);
  await using session = await openSession(server.database);
  await untilWritable(session);
  await session.query("insert into t select i from generate_series(1001, 1011) i");
  await session.query("select pg_switch_wal()");
  await archived(session);
  return archive;
}

export function startLab(
  dir: string,
  name: string,
  binaries: PostgresBinaries,
  archiveDir: string | null,
  settings: Readonly<Record<string, string>> = {},
): Promise<LabServer> {
  return startServer({
    binaries,
    dataDir: join(dir, name),
    socketDir: join(dir, `${name}-socket`),
    logPath: join(dir, `${name}.log`),
    user: serviceUser,
    superuser: "postgres",
    port: 0,
    archiveDir,
    settings: { fsync: "off", ...settings },
    signal,
  });
}

export async function takeBackup(server: LabServer, dir: string, name: string): Promise<BackupRef> {
  const request = {
    database: server.database,
    into: join(dir, "backups"),
    name,
    method: "replication",
    format: "plain",
    label: name,
    checkpoint: "fast",
  } as const;
  const made = await createBaseBackup(
    { sessions, binaries: testBinaries(), clock, secret: async () => "" },
    request,
    quiet,
  );
  return {
    source: "directory",
    id: name,
    path: made.path,
    walPath: join(dir, "archive"),
    format: "plain",
    compression: "none",
    major: made.major,
    systemIdentifier: made.systemIdentifier,
    label: name,
    startLsn: made.startLsn,
    stopLsn: made.stopLsn,
    timeline: made.timeline,
    startedWallUs: null,
    endedWallUs: null,
    timeFrom: "backup_label",
    sizeBytes: made.bytes,
    files: made.files,
    manifestSha256: null,
    walSegmentBytes: 16 * 1024 * 1024,
    archiveEndLsn: null,
    archiveEndTimeline: null,
    tablespaces: [],
  };
}

/** Waits until every finished segment is archived; the end of the archive. */
export async function archived(session: Session): Promise<string> {
  const end = await value(
    session,
    "select (pg_current_wal_lsn() - (pg_walfile_name_offset(pg_current_wal_lsn())).file_offset)::text",
  );
  const last = await value(session, "select pg_walfile_name(pg_lsn '0/0' + ($1::pg_lsn - '0/1'))", [end]);
  while (
    (await value(session, "select coalesce(last_archived_wal, '') >= $1 from pg_stat_archiver", [last])) !== "true"
  )
    await turn();
  return end;
}

async function untilWritable(session: Session): Promise<void> {
  while ((await value(session, "select pg_is_in_recovery()")) !== "false") await turn();
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export async function value(session: Session, text: string, values: readonly unknown[] = []): Promise<string> {
  const [row] = await session.query(text, values);
  return String(Object.values(row ?? {})[0]);
}

/** `2026-11-21 01:41:49.75+00` as a playbook writes it. */
function zulu(text: string): string {
  return text.replace(" ", "T").replace(/\+00$/u, "Z");
}

/** With the system's tools: thousands of small files are slow one by one. */
export async function copyOwned(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await run("cp", ["-a", `${from}/.`, to]);
  if (serviceUser !== null) await run("chown", ["-R", `${serviceUser.uid}:${serviceUser.gid}`, to]);
}
