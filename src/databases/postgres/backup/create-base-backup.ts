import { mkdir, open, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import type { BackupMaker, BackupMethod, BackupRequest, CreatedBackup } from "../../../steps/ports/backup-maker.ts";
import type { Watch } from "../../../steps/ports/backup-source.ts";
import type { Binaries, PostgresBinaries, Session, Sessions } from "../../../steps/ports/postgres.ts";
import type { Clock } from "../../../support/clock.ts";
import { takeLowLevel } from "./low-level.ts";
import { claim, isThere, noteFinished, partialPlace, preparePartial, removePartial, requireFree } from "./partial.ts";
import { takeOverReplication } from "./over-replication.ts";
import type { TakenBackup } from "./taken-backup.ts";
import { takeWithPgBasebackup } from "./with-pg-basebackup.ts";

export interface BaseBackupDeps {
  readonly sessions: Sessions;
  readonly binaries: Binaries;
  readonly clock: Clock;
  secret(ref: string): Promise<string>;
}

export function createBackupMaker(deps: BaseBackupDeps): BackupMaker {
  return {
    prepare: (request, owner) => preparePartial(partialPlace(request.into, request.name), owner),
    create: (request, watch) => createBaseBackup(deps, request, watch),
  };
}

/** What the system says of itself before we take a copy. */
interface Subject {
  readonly major: number;
  readonly systemIdentifier: string;
}

/** Takes a base backup into `<into>/<name>`; see {@link BackupMaker}. */
export async function createBaseBackup(
  deps: BaseBackupDeps,
  request: BackupRequest,
  watch: Watch,
): Promise<CreatedBackup> {
  const beganUs = deps.clock.monoUs();
  const place = partialPlace(request.into, request.name);
  const { path, partial } = place;
  await requireFree([path, partial]);
  await mkdir(request.into, { recursive: true, mode: 0o700 });
  const options = { readOnly: false, statementTimeoutMs: 0, connectTimeoutMs: 10_000, signal: watch.signal };
  await using session = await deps.sessions.open(request.database, options);
  const subject = await ask(session);
  const { method, binaries } = await choose(deps, request, subject.major, watch.signal);
  await claim(place, request.owner);
  try {
    const taken = await take(deps, request, { method, binaries, partial, session, subject }, watch);
    await syncTree(partial);
    watch.signal.throwIfAborted();
    const durationUs = deps.clock.monoUs() - beganUs;
    const { format, label } = request;
    const created: CreatedBackup = { path, method, format, label, ...subject, ...taken, durationUs };
    await noteFinished(place, request.owner, created);
    await rename(partial, path);
    await syncPath(request.into);
    return created;
  } catch (error) {
    // Why it failed counts; what cannot be removed now, the cleanup tries again and reports.
    if (await isThere(partial)) await removePartial(place, request.owner?.token ?? null).catch(() => undefined);
    throw error;
  }
}

interface Choice {
  readonly method: BackupMethod;
  readonly binaries: PostgresBinaries | null;
}

async function choose(
  deps: BaseBackupDeps,
  request: BackupRequest,
  major: number,
  signal: AbortSignal,
): Promise<Choice> {
  const found = await deps.binaries.all(signal);
  const binaries = found.find((candidate) => candidate.major === major && candidate.tools.has("pg_basebackup")) ?? null;
  const auto = binaries === null ? "replication" : "pg_basebackup";
  const method = request.method === "auto" ? auto : request.method;
  if (method === "pg_basebackup" && binaries === null)
    throw noMethod(method, `there is no pg_basebackup ${major} on this machine`);
  if (method === "replication" && major < 15)
    throw noMethod(method, `a PostgreSQL ${major} server speaks another protocol; 15 is the oldest supported`);
  return { method, binaries };
}

interface Work extends Choice {
  readonly partial: string;
  readonly session: Session;
  readonly subject: Subject;
}

async function take(deps: BaseBackupDeps, request: BackupRequest, work: Work, watch: Watch): Promise<TakenBackup> {
  if (work.method === "low-level")
    return takeLowLevel(request, work.partial, work.session, work.subject.major, watch.signal);
  const { password } = request.database;
  const secret = password === null ? null : await deps.secret(password);
  if (work.method === "replication") return takeOverReplication(request, work.partial, secret, watch);
  if (work.binaries === null) throw noMethod(work.method, "there is no pg_basebackup");
  return takeWithPgBasebackup(request, work.partial, secret, work.binaries, watch.signal);
}

async function ask(session: Session): Promise<Subject> {
  const [row] = await session.query<{ version: number; system: string }>(
    "select current_setting('server_version_num')::int as version, (select system_identifier::text from pg_control_system()) as system",
  );
  return { major: Math.floor((row?.version ?? 0) / 10_000), systemIdentifier: row?.system ?? "" };
}

function noMethod(method: BackupMethod, why: string): StepError {
  return new StepError("permanent", "BACKUP_METHOD", `cannot take a backup with the method ${method}: ${why}`, {
    hint: "use method: auto",
  });
}

/** A backup that a power cut takes away is none: files first, then the folders that name them. */
async function syncTree(dir: string): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).values();
  // Several at once: the disk then writes in one sweep what it would write one by one.
  const workers = Array.from({ length: 16 }, async () => {
    for (const { name } of files) await syncPath(join(dir, name));
  });
  await Promise.all(workers);
  for (const entry of entries) if (entry.isDirectory()) await syncTree(join(dir, entry.name));
  await syncPath(dir);
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
