import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { BackupProblem } from "../../steps/ports/backup-source.ts";
import { isExcluded, isContentExcluded } from "./exclusions.ts";

/** All that a plain backup holds, by path inside the data directory. Links are followed nowhere but in pg_tblspc. */
export interface PlainTree {
  readonly files: readonly TreeFile[];
  readonly directories: readonly string[];
  readonly tablespaces: readonly TreeTablespace[];
  readonly problems: readonly BackupProblem[];
  readonly notes: readonly string[];
}

export interface TreeFile {
  readonly path: string;
  readonly source: string;
  readonly sizeBytes: number;
}

export interface TreeTablespace {
  readonly oid: string;
  readonly source: string;
}

interface Found {
  readonly files: TreeFile[];
  readonly directories: string[];
  readonly tablespaces: TreeTablespace[];
  readonly problems: BackupProblem[];
  readonly notes: string[];
}

/** Bad names (line breaks, control characters, bytes that are not UTF-8): nothing PostgreSQL would write. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const BAD_NAME = /[\u0000-\u001f\u007f\ufffd]/u;
/** A tablespace holds one folder per server version and nothing else. */
const TABLESPACE_FOLDER = /^PG_\d+_\d+$/u;

/**
 * Reads names and sizes. `originalPaths` are the primary's tablespace locations from a `tablespace_map`: a link that
 * still points there shows live files of a server, not the backup.
 */
export async function readPlainTree(
  root: string,
  originalPaths: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<PlainTree> {
  const found: Found = { files: [], directories: [], tablespaces: [], problems: [], notes: [] };
  const pending: { path: string; source: string }[] = [{ path: "", source: root }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    // Gives the loop a turn per folder: a listing of a million files must not stop timers and signals.
    await setImmediate();
    signal.throwIfAborted();
    for (const entry of readdirSync(next.source, { withFileTypes: true })) {
      const path = next.path === "" ? entry.name : `${next.path}/${entry.name}`;
      const source = join(next.source, entry.name);
      if (isExcluded(path)) continue;
      if (BAD_NAME.test(entry.name))
        found.problems.push(hostile(source, "has a name with control characters or invalid bytes"));
      else if (entry.isFile()) found.files.push({ path, source, sizeBytes: lstatSync(source).size });
      else if (entry.isDirectory()) addDirectory(found, pending, path, source);
      else if (entry.isSymbolicLink()) addLink(found, pending, path, source, originalPaths);
      else found.problems.push(hostile(source, "is a device, a socket or a FIFO"));
    }
  }
  return found;
}

function addDirectory(found: Found, pending: { path: string; source: string }[], path: string, source: string): void {
  const tablespace = /^pg_tblspc\/(\d{1,10})$/u.exec(path);
  if (tablespace?.[1] !== undefined) return addTablespace(found, pending, tablespace[1], source);
  found.directories.push(path);
  if (!isContentExcluded(path)) pending.push({ path, source });
}

function addLink(
  found: Found,
  pending: { path: string; source: string }[],
  path: string,
  source: string,
  originalPaths: ReadonlyMap<string, string>,
): void {
  const target = readlinkSync(source);
  const oid = /^pg_tblspc\/(\d{1,10})$/u.exec(path)?.[1];
  if (path === "pg_wal") {
    found.notes.push(`${source} is a link to ${target}: WAL there is not part of the backup and is not used`);
    return;
  }
  if (oid === undefined) {
    found.problems.push(hostile(source, `is a symbolic link to ${target}`));
    return;
  }
  if (originalPaths.get(oid) === target) {
    found.problems.push({
      code: "BACKUP_TABLESPACE_LIVE",
      message: `${source} points to ${target}, where the primary keeps tablespace ${oid}: the backup does not hold it`,
      hint: "Copy the tablespace's folder into the backup in place of the link.",
    });
    return;
  }
  addTablespace(found, pending, oid, resolve(dirname(source), target));
}

function addTablespace(found: Found, pending: { path: string; source: string }[], oid: string, source: string): void {
  const stats = lstatSync(source, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) {
    found.problems.push({
      code: "BACKUP_TABLESPACE_MISSING",
      message: `tablespace ${oid}: ${source} is not a folder`,
      hint: "Restore the tablespace's copy beside the backup.",
    });
    return;
  }
  found.tablespaces.push({ oid, source });
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    if (!TABLESPACE_FOLDER.test(entry.name) || !entry.isDirectory()) continue;
    const path = `pg_tblspc/${oid}/${entry.name}`;
    found.directories.push(path);
    pending.push({ path, source: join(source, entry.name) });
  }
}

function hostile(path: string, what: string): BackupProblem {
  return {
    code: "BACKUP_TREE_HOSTILE",
    message: `${JSON.stringify(path)} ${what}`,
    hint: "A base backup holds regular files and folders only.",
  };
}
