/**
 * What is in a data directory and does not belong into a restored one (manual: 25.3.4 "Making a Base Backup Using the
 * Low Level API", basebackup.c excludeFiles and excludeDirContents). Signal files are the restore's to write: a
 * `standby.signal` left by `pg_basebackup -R` would make the copy a standby of production.
 */
const TOP_FILES = new Set([
  "postmaster.pid",
  "postmaster.opts",
  "backup_manifest",
  "tablespace_map",
  "recovery.signal",
  "standby.signal",
  "current_logfiles.tmp",
  "postgresql.auto.conf.tmp",
  "backup_label.old",
  "tablespace_map.old",
]);
const EMPTIED = new Set([
  "pg_dynshmem",
  "pg_notify",
  "pg_replslot",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
]);

/** By path inside the data directory. */
export function isExcluded(path: string): boolean {
  if (TOP_FILES.has(path)) return true;
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.startsWith("pgsql_tmp") || name.startsWith("pg_internal.init");
}

/** The folder is kept, what is in it is not. */
export function isContentExcluded(path: string): boolean {
  return EMPTIED.has(path) || path === "pg_wal/archive_status" || path === "pg_wal/summaries";
}

/** Also true for what lies inside an emptied folder. */
export function isLeftOut(path: string): boolean {
  if (isExcluded(path)) return true;
  const parts = path.split("/");
  return parts.some((_, index) => index > 0 && isContentExcluded(parts.slice(0, index).join("/")));
}

/** Not checked against a manifest, as pg_verifybackup ignores them. */
export function isUnverified(path: string): boolean {
  return path === "postgresql.auto.conf" || path === "pg_wal" || path.startsWith("pg_wal/");
}

/** Folders that a server needs and that copies tend to lose because they are empty. */
export const REQUIRED_FOLDERS: readonly string[] = [
  "base",
  "global",
  "pg_commit_ts",
  "pg_dynshmem",
  "pg_logical",
  "pg_logical/mappings",
  "pg_logical/snapshots",
  "pg_multixact",
  "pg_multixact/members",
  "pg_multixact/offsets",
  "pg_notify",
  "pg_replslot",
  "pg_serial",
  "pg_snapshots",
  "pg_stat",
  "pg_stat_tmp",
  "pg_subtrans",
  "pg_tblspc",
  "pg_twophase",
  "pg_wal",
  "pg_wal/archive_status",
  "pg_xact",
];
