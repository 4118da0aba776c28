import { parseLsn } from "../../formats/postgres/lsn.ts";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { BackupRef } from "../../drills/backup-ref.ts";
import type { BackupLocation } from "../../drills/inventory.ts";
import type { BackupListing } from "../../steps/ports/backup-source.ts";
import { readAnatomy } from "./anatomy.ts";
import { describeBackup } from "./describe-backup.ts";
import { errnoOf, problemOf } from "./subject-error.ts";
import { type ArchiveFolder, archiveFolder } from "./wal-context.ts";

type Rejected = BackupListing["rejected"][number];

/** A location is a base backup itself, or a folder of base backups. */
export async function listBackups(location: BackupLocation, signal: AbortSignal): Promise<BackupListing> {
  const backups: BackupRef[] = [];
  const rejected: Rejected[] = [];
  const archive = archiveFolder(location.wal, signal);
  const candidates = await findCandidates(location);
  if (!Array.isArray(candidates)) return { backups, rejected: [candidates] };
  for (const path of candidates) {
    signal.throwIfAborted();
    const seen = path.endsWith(PARTIAL) ? unfinished(path) : await inspect(path, location, archive, signal);
    if ("backup" in seen) backups.push(seen.backup);
    else rejected.push(seen);
  }
  return { backups: backups.toSorted(newestFirst), rejected };
}

/** How `backup/create` names a backup until all of it is there. */
const PARTIAL = ".partial";

function unfinished(path: string): Rejected {
  return { path, code: "BACKUP_PARTIAL", reason: `${path} is being taken, or was given up in the middle` };
}

/** By the time the backup ended; one without a known time is older than all others. */
export function newestFirst(a: BackupRef, b: BackupRef): number {
  const age = timeOf(b) - timeOf(a);
  if (age !== 0) return age;
  // Times have whole seconds: two backups of one second are told apart by where they begin.
  return parseLsn(b.startLsn) > parseLsn(a.startLsn) ? 1 : -1;
}

function timeOf(backup: BackupRef): number {
  return backup.endedWallUs ?? backup.startedWallUs ?? 0;
}

async function findCandidates(location: BackupLocation): Promise<string[] | Rejected> {
  try {
    const entries = await readdir(location.path, { withFileTypes: true });
    const names = entries.map((entry) => entry.name);
    if (
      names.some(
        (name) =>
          name === "PG_VERSION" ||
          name === "backup_label" ||
          name === "backup_manifest" ||
          /^base\.tar(?:\.|$)/u.test(name),
      )
    )
      return [location.path];
    const wal = location.wal === null ? null : resolve(location.wal);
    const folders = entries
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
      .map((entry) => join(location.path, entry.name));
    const found = folders.filter((folder) => resolve(folder) !== wal);
    return found.length > 0
      ? found.toSorted()
      : { path: location.path, code: "BACKUP_EMPTY_DIRECTORY", reason: `${location.path} holds no base backup` };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    if (errnoOf(error) === "ENOENT")
      return { path: location.path, code: "BACKUP_LOCATION_MISSING", reason: `${location.path} does not exist` };
    return {
      path: location.path,
      code: "BACKUP_UNREADABLE",
      reason: `${location.path} cannot be read: ${errnoOf(error) ?? ""}`,
    };
  }
}

async function inspect(
  path: string,
  location: BackupLocation,
  archive: ArchiveFolder,
  signal: AbortSignal,
): Promise<{ readonly backup: BackupRef } | Rejected> {
  try {
    return { backup: await describeBackup(await readAnatomy(path, signal), location.wal, archive, signal) };
  } catch (error) {
    signal.throwIfAborted();
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    return { path, code: problem.code, reason: problem.message };
  }
}
