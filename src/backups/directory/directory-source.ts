import { statfs } from "node:fs/promises";
import { geteuid } from "node:process";
import type { BackupSource } from "../../steps/ports/backup-source.ts";
import type { Clock } from "../../support/clock.ts";
import { assessBackup } from "./assess-backup.ts";
import { feedWal } from "./feed-wal.ts";
import { fetchBackup, type Machine } from "./fetch-backup.ts";
import { listBackups } from "./list-backups.ts";

export interface DirectorySourceOptions {
  readonly clock: Clock;
  /** Free bytes of the file system that holds a path; asks the system when not given. */
  readonly freeBytes?: Machine["freeBytes"];
  /** Effective user id; asks the system when not given. */
  readonly userId?: number;
}

/** Base backups in folders of this machine: plain or tar, with a WAL archive folder beside them. */
export function directorySource(options: DirectorySourceOptions): BackupSource {
  const machine: Machine = {
    clock: options.clock,
    freeBytes: options.freeBytes ?? systemFreeBytes,
    userId: options.userId ?? geteuid?.() ?? 0,
  };
  return {
    kind: "directory",
    list: listBackups,
    assess: assessBackup,
    fetch: async (backup, into, watch) => await fetchBackup(backup, into, watch, machine),
    feedWal: async (backup, spool, watch) => await feedWal(backup, spool, watch, machine.userId),
  };
}

async function systemFreeBytes(path: string): Promise<number> {
  const stats = await statfs(path);
  return stats.bavail * stats.bsize;
}
