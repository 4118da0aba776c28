import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type BackupLabel, parseBackupLabel } from "../../formats/postgres/backup-label.ts";
import { type ControlFile, readControlFile } from "../../formats/postgres/control-file.ts";
import type { Identity } from "./anatomy.ts";
import { parseMajor } from "./major.ts";
import { readSmallFile } from "./read-source.ts";
import { errnoOf, subjectError } from "./subject-error.ts";
import { parseTablespaceMap, type TablespaceEntry } from "./tablespace-map.ts";

const SMALL_BYTES = 1024 * 1024;

export async function readPlainAnatomy(path: string, names: ReadonlySet<string>): Promise<Identity> {
  if (!names.has("PG_VERSION") && !names.has("backup_label") && !names.has("global")) {
    throw subjectError({ code: "BACKUP_NOT_ONE", message: `${path} holds neither a data directory nor a base.tar` });
  }
  const version = await readSmallFile(join(path, "PG_VERSION"), 64);
  if (version === undefined)
    throw subjectError({ code: "BACKUP_NO_PG_VERSION", message: `${join(path, "PG_VERSION")} is missing` });
  return {
    major: parseMajor(version.toString("latin1"), path),
    label: await readLabel(path),
    control: await readControl(path),
    tablespaces: await readTablespaces(path),
    hasTablespaceMap: names.has("tablespace_map"),
  };
}

async function readLabel(path: string): Promise<BackupLabel> {
  const bytes = await readSmallFile(join(path, "backup_label"), SMALL_BYTES);
  if (bytes !== undefined) return parseBackupLabel(bytes.toString("utf8"));
  throw subjectError({
    code: "BACKUP_NO_LABEL",
    message: `${join(path, "backup_label")} is missing: without it the server would start from a wrong position`,
    hint: "A copy of a data directory is a backup only with the backup_label that pg_backup_stop() returned.",
  });
}

async function readControl(path: string): Promise<ControlFile> {
  const file = join(path, "global", "pg_control");
  const bytes = await readSmallFile(file, SMALL_BYTES);
  if (bytes === undefined) throw subjectError({ code: "BACKUP_NO_CONTROL", message: `${file} is missing` });
  return readControlFile(bytes);
}

/** From `tablespace_map` (low-level API), else from the links in pg_tblspc (pg_basebackup). */
async function readTablespaces(path: string): Promise<readonly TablespaceEntry[]> {
  const map = await readSmallFile(join(path, "tablespace_map"), SMALL_BYTES);
  if (map !== undefined) return parseTablespaceMap(map.toString("utf8"));
  const folder = join(path, "pg_tblspc");
  return listFolder(folder).map((oid) => ({ oid, path: linkTarget(join(folder, oid)) }));
}

function listFolder(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d{1,10}$/u.test(name));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return path;
  }
}
