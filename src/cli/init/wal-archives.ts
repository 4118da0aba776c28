import { opendir, readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** A segment by its name, with the suffix of a compression or none (manual: 25.3.1; Barman and WAL-G add suffixes). */
const SEGMENT = /^[0-9A-F]{24}(?:\.(?:gz|lz4|zst|bz2|xz|br))?$/u;
/** Barman sorts segments into folders named by their first 16 digits. */
const GROUP = /^[0-9A-F]{16}$/u;
/** What people call it; others are looked at too, after these. */
const USUAL = ["wal", "wals", "archive", "wal_archive", "wal-archive", "pg_wal_archive", "archived_wal", "pg_archive"];
/** Enough for any folder of backups; a folder of thousands is not one. */
const MAX_FOLDERS = 200;
const MAX_NAMES = 2000;

/**
 * Folders inside and beside a folder of backups that hold WAL segments, in this order, the usual names first. What
 * decides is the content; a `pg_wal` that belongs to a data directory is no archive.
 */
export async function findWalArchives(backups: string, signal: AbortSignal): Promise<readonly string[]> {
  const path = resolve(backups);
  const found: string[] = [];
  for (const parent of [path, dirname(path)]) {
    for (const folder of await foldersIn(parent)) {
      signal.throwIfAborted();
      if (folder !== path && (await holdsSegments(folder, signal))) found.push(folder);
    }
  }
  return found;
}

/** True when a file, or a file of a group folder, is named as a segment. Cannot be read: false. */
export async function holdsSegments(dir: string, signal: AbortSignal): Promise<boolean> {
  const groups: string[] = [];
  let names = 0;
  try {
    for await (const entry of await opendir(dir)) {
      signal.throwIfAborted();
      if (entry.isFile() && SEGMENT.test(entry.name)) return true;
      if (entry.isDirectory() && GROUP.test(entry.name)) groups.push(join(dir, entry.name));
      names += 1;
      if (names > MAX_NAMES) break;
    }
    const [group] = groups;
    return group !== undefined && (await readdir(group)).some((name) => SEGMENT.test(name));
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return false;
    throw error;
  }
}

/** None in a data directory: its own folders are no archives. */
async function foldersIn(parent: string): Promise<readonly string[]> {
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  if (entries.some((entry) => entry.name === "PG_VERSION" || entry.name === "backup_label")) return [];
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(parent, entry.name));
  return folders.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b, "en")).slice(0, MAX_FOLDERS);
}

function rank(folder: string): number {
  const at = USUAL.indexOf(basename(folder).toLowerCase());
  return at === -1 ? USUAL.length : at;
}
