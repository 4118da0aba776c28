import type { DatabaseRef } from "../../drills/database-ref.ts";
import type { Watch } from "./backup-source.ts";

/** Takes base backups of a running system. Reads from the system only; the folder it makes is a product, not litter. */
export interface BackupMaker {
  /**
   * Writes to `<into>/<name>.partial` and renames it when all is there and on disk; what failed is removed.
   * Throws `StepError`: `BACKUP_EXISTS`, `BACKUP_METHOD`, `BACKUP_TAKE`, `PG_CONNECT`, `PG_QUERY`.
   */
  create(request: BackupRequest, watch: Watch): Promise<CreatedBackup>;
}

/**
 * `pg_basebackup`: the program of that name. `replication`: the same over our own connection (servers from 15 on).
 * `low-level`: `pg_backup_start`, a copy of the local data directory, `pg_backup_stop`; needs a WAL archive.
 */
export type BackupMethod = "pg_basebackup" | "replication" | "low-level";

export interface BackupRequest {
  readonly database: DatabaseRef;
  /** Folder that holds base backups; made when missing. */
  readonly into: string;
  /** Name of the new backup's folder. */
  readonly name: string;
  /** `auto`: pg_basebackup where there is one of that major, else replication. */
  readonly method: BackupMethod | "auto";
  /** Tablespaces need `tar`: a plain copy would have to put them at their absolute paths. */
  readonly format: "plain" | "tar";
  readonly label: string;
  /** `fast`: checkpoint at once, which costs the system I/O. `spread`: within its checkpoint interval. */
  readonly checkpoint: "fast" | "spread";
}

export interface CreatedBackup {
  readonly path: string;
  readonly method: BackupMethod;
  readonly format: "plain" | "tar";
  readonly label: string;
  readonly major: number;
  readonly systemIdentifier: string;
  readonly startLsn: string;
  readonly stopLsn: string;
  readonly timeline: number;
  readonly bytes: number;
  readonly files: number;
  readonly durationUs: number;
}
