import type { DatabaseRef } from "../../drills/database-ref.ts";
import type { JsonObject } from "../../support/json.ts";
import type { Watch } from "./backup-source.ts";

/** Takes base backups of a running system. Reads from the system only; the folder it makes is a product, not litter. */
export interface BackupMaker {
  /**
   * Before anything is planned: removes what the same step of the same run left when its process died, and refuses names
   * that are taken. Creates nothing. Throws `StepError`: `BACKUP_EXISTS`, `BACKUP_NAME`, `BACKUP_PARTIAL_STUCK`.
   */
  prepare(request: BackupRequest, owner: BackupOwner): Promise<Prepared>;
  /**
   * Writes to `<into>/<name>.partial` and renames it when all is there and on disk; what failed is removed. With an owner,
   * `<name>.partial.firedrill.json` beside it says whose it is, before it exists and until it is cleaned up.
   * Throws `StepError`: `BACKUP_EXISTS`, `BACKUP_METHOD`, `BACKUP_TAKE`, `PG_CONNECT`, `PG_QUERY`.
   */
  create(request: BackupRequest, watch: Watch): Promise<CreatedBackup>;
}

/** Who takes a backup. */
export interface BackupOwner {
  readonly installation: string;
  readonly run: string;
  readonly step: string;
  /** Another one each time a backup is begun; processes that work for it bear it. */
  readonly token: string;
}

export type Prepared =
  /** The locator is what the keeper of `backup-directory` takes. */
  | { readonly kind: "free"; readonly locator: JsonObject }
  /** The same step of the same run had finished it when its process died. */
  | { readonly kind: "finished"; readonly backup: CreatedBackup };

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
  /** Absent outside of a run: then nobody but this process knows of the unfinished copy. */
  readonly owner?: BackupOwner;
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
