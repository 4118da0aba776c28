import type { BackupRef } from "../../drills/backup-ref.ts";
import type { DatabaseRef } from "../../drills/database-ref.ts";
import type { Isolation, RecoveryPoint, Replay, ServerSettings } from "../../drills/facts.ts";
import type { RecoveryTarget } from "../../drills/recovery-target.ts";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import type { Instant } from "../../support/clock.ts";
import type { TimelineChoice, WalFeed, Watch } from "./backup-source.ts";

/** One connection. Values are parameters, identifiers are quoted by the caller with `quoteIdentifier`. */
export interface Session extends AsyncDisposable {
  query<Row extends Readonly<Record<string, unknown>>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<readonly Row[]>;
}

export interface SessionOptions {
  /** `default_transaction_read_only=on`. */
  readonly readOnly: boolean;
  readonly statementTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Sessions {
  /** Throws `StepError("transient", "PG_CONNECT", ...)` when the server cannot be reached. */
  open(database: DatabaseRef, options: SessionOptions): Promise<Session>;
}

/** Where a server of the wanted major is. */
export interface PostgresBinaries {
  readonly bin: string;
  readonly version: string;
  readonly major: number;
  /** `option`, `configuration`, `PATH`, `system`, `npm`. */
  readonly from: string;
  /** Tools beside the server that exist: `pg_basebackup`, `psql`, `pg_rewind`, ... */
  readonly tools: ReadonlySet<string>;
}

export interface Binaries {
  all(signal: AbortSignal): Promise<readonly PostgresBinaries[]>;
  /** Throws `StepError("permanent", "PG_BINARIES", ...)` naming what was found and what is wanted. */
  forMajor(major: number, signal: AbortSignal): Promise<PostgresBinaries>;
}

/** Brings fetched files to an open, asserted, fenced server. */
export interface RestoreDriver {
  recover(request: RecoverRequest, watch: Watch): Promise<Recovered>;
}

export interface RecoverRequest {
  readonly sandbox: SandboxRef;
  readonly dataDir: string;
  readonly binaries: PostgresBinaries;
  readonly backup: BackupRef;
  readonly target: RecoveryTarget;
  readonly timeline: TimelineChoice;
  readonly wal: WalFeed;
  /** `promote`: opened for writes. `pause`: stays read-only at the target. */
  readonly finish: "promote" | "pause";
  readonly durability: "production" | "throwaway";
  /** Superuser that exists in the backup. */
  readonly superuser: string;
  readonly database: string;
  /** Additional settings, already checked against those the safe profile owns. */
  readonly settings: Readonly<Record<string, string>>;
  /** `shared_preload_libraries` of the copy; none when absent. */
  readonly preload?: readonly string[];
  readonly expectedLsn: string | null;
}

export interface Recovered {
  readonly database: DatabaseRef;
  readonly recoveryPoint: RecoveryPoint;
  readonly replay: Replay;
  readonly server: ServerSettings;
  /** The safe profile as the server itself answers it. */
  readonly profile: Isolation;
  /** First read answered after the target was reached; first write acknowledged (null: read-only end). */
  readonly firstRead: Observed;
  readonly firstWrite: Observed | null;
  /** Reference to the password of the copy's own role for TCP; null or absent when it ended read-only. */
  readonly password?: string | null;
}

export interface Observed extends Instant {
  readonly resolutionUs: number;
}
