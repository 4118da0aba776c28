import { copyFile, lstat, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Unpacked } from "./unpack-tar.ts";

/** Contents that must not or need not be in a base backup (manual: 25.3.4.2; basebackup.c, excludeDirContents). */
const EMPTY_FOLDERS: ReadonlySet<string> = new Set([
  "pg_wal",
  "pg_replslot",
  "pg_dynshmem",
  "pg_notify",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
]);
const SKIPPED =
  /^(?:postmaster\.(?:pid|opts)|pgsql_tmp.*|pg_internal\.init.*|backup_label.*|tablespace_map.*|backup_manifest.*|current_logfiles\.tmp|postgresql\.auto\.conf\.tmp)$/u;
/** Not copied with the rest: it must be read last, so that it is not older than the pages (basebackup.c does the same). */
const CONTROL = "global/pg_control";

/** Copies the files of a running cluster between `pg_backup_start` and `pg_backup_stop`. */
export async function copyCluster(from: string, to: string, signal: AbortSignal): Promise<Unpacked> {
  const copied = await copyFolder(from, to, "", signal);
  const bytes = await copyOne(join(from, CONTROL), join(to, CONTROL));
  return { files: copied.files + 1, bytes: copied.bytes + bytes };
}

async function copyFolder(from: string, to: string, below: string, signal: AbortSignal): Promise<Unpacked> {
  const sum = { files: 0, bytes: 0 };
  await mkdir(join(to, below), { recursive: true, mode: 0o700 });
  if (EMPTY_FOLDERS.has(below)) return sum;
  for (const entry of await readdir(join(from, below), { withFileTypes: true })) {
    signal.throwIfAborted();
    const path = join(below, entry.name);
    if (SKIPPED.test(entry.name) || path === CONTROL) continue;
    const part = entry.isDirectory()
      ? await copyFolder(from, to, path, signal)
      : { files: 1, bytes: await copyOne(join(from, path), join(to, path)) };
    sum.files += part.files;
    sum.bytes += part.bytes;
  }
  return sum;
}

/** A file may be dropped while we copy; replay drops it too. */
async function copyOne(from: string, to: string): Promise<number> {
  try {
    await copyFile(from, to);
    return (await lstat(to)).size;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return 0;
    throw error;
  }
}
