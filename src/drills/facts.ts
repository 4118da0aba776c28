import type { DatabaseRef } from "./database-ref.ts";

/** What steps observed, for the measurement and the report. Integers, strings, booleans, null only. */
export type Fact =
  | RecoverySource
  | RecoveryPoint
  | NewestSurvivor
  | Transfer
  | Replay
  | Isolation
  | Service
  | ServerSettings;

/** The backup a recovery used. */
export interface RecoverySource {
  readonly kind: "recovery_source";
  readonly tool: string;
  readonly backupId: string;
  readonly path: string;
  readonly format: string;
  /** When the backup began and ended, and where that time comes from. */
  readonly startedWallUs: number | null;
  readonly endedWallUs: number | null;
  readonly timeFrom: string;
  readonly startLsn: string;
  readonly stopLsn: string | null;
  readonly timeline: number;
  readonly systemIdentifier: string | null;
  readonly sizeBytes: number;
  readonly files: number;
  /** sha256 of the backup_manifest, or null. */
  readonly manifestSha256: string | null;
  readonly selection: string;
  /** End of the archived WAL that continues the backup without a gap. */
  readonly archiveEndLsn: string | null;
}

/** Up to where the restored copy got. */
export interface RecoveryPoint {
  readonly kind: "recovery_point";
  readonly target: string;
  readonly lsn: string;
  readonly timeline: number;
  /** Commit time of the last replayed transaction, primary's clock; null when none was replayed. */
  readonly commitWallUs: number | null;
  readonly expectedLsn: string | null;
  /** Where each number comes from: the function or log line that said so. */
  readonly from: { readonly lsn: string; readonly timeline: string; readonly commitTime: string };
}

export interface NewestSurvivor {
  readonly kind: "newest_survivor";
  readonly via: "heartbeat" | "query";
  readonly what: string;
  readonly newestWallUs: number;
  /** The writer's interval: the loss lies in [age - interval, age]. Null for a query. */
  readonly intervalUs: number | null;
}

export interface Transfer {
  readonly kind: "transfer";
  readonly method: string;
  readonly bytes: number;
  readonly files: number;
  readonly durationUs: number;
  readonly verifiedFiles: number;
  readonly verifiedBytes: number;
  readonly checksum: string;
}

export interface Replay {
  readonly kind: "replay";
  readonly bytes: number;
  readonly segments: number;
  readonly durationUs: number;
}

/** What a sandbox was asked, and answered, before it was used. */
export interface Isolation {
  readonly kind: "isolation";
  readonly probes: readonly {
    readonly probe: string;
    readonly expected: string;
    readonly actual: string;
    readonly ok: boolean;
  }[];
}

/** The recovered service: what the hold window and later probes watch. */
export interface Service {
  readonly kind: "service";
  readonly database: DatabaseRef;
  /** False: the restore ended read-only, T5 does not apply. */
  readonly writable: boolean;
}

/** Facts about the server that decide how honest a time is (fsync off is optimistic). */
export interface ServerSettings {
  readonly kind: "server_settings";
  readonly version: string;
  readonly binaries: string;
  readonly durability: "production" | "throwaway";
  readonly settings: Readonly<Record<string, string>>;
}
