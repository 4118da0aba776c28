import type { Instant } from "../support/clock.ts";
import type { DatabaseRef } from "./database-ref.ts";
import type { TrafficRef } from "./traffic-ref.ts";

/** What steps observed, for the measurement and the report. Integers, strings, booleans, null only. */
export type Fact =
  | RecoverySource
  | RecoveryPoint
  | NewestSurvivor
  | Transfer
  | Replay
  | Isolation
  | Service
  | ServerSettings
  | TrafficStarted
  | CanaryLoss
  | ClientOutages
  | ReplicationState
  | Promotion
  | Fencing
  | Injection
  | Rebuild
  | HumanWait;

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

/** Canary and prober run from here on; the last one recorded is the run's. */
export interface TrafficStarted {
  readonly kind: "traffic";
  readonly traffic: TrafficRef;
}

/** One canary transaction and when its acknowledgement arrived at the writer. */
export interface AcknowledgedMarker extends Instant {
  readonly writer: number;
  readonly seq: number;
}

/**
 * The final reading: every marker the writers sent, in exactly one class (docs/measurement.md). Times are the
 * acknowledgements' as the writer's process saw them.
 */
export interface CanaryLoss {
  readonly kind: "canary_loss";
  readonly writers: number;
  /** Of each writer, as asked for. */
  readonly intervalUs: number;
  /** Slowest of the last 100 acknowledgements before T0: how long a healthy answer took. */
  readonly slowestAnswerUs: number;
  readonly counts: {
    readonly sent: number;
    readonly acknowledged: number;
    readonly unknown: number;
    readonly refused: number;
    readonly survived: number;
    readonly lost: number;
    readonly recoveredUnknown: number;
    readonly failed: number;
    readonly phantom: number;
    readonly duplicated: number;
    readonly altered: number;
  };
  /** Null when nothing acknowledged is gone. */
  readonly lost: {
    /** Runs of consecutive numbers of one writer, the first 1,000; all of them are in `file`. */
    readonly ranges: readonly { readonly writer: number; readonly from: number; readonly to: number }[];
    readonly rangesInAll: number;
    readonly first: AcknowledgedMarker;
    readonly last: AcknowledgedMarker;
    /** Payload of the lost markers. */
    readonly bytes: number;
    /** In the run's folder. */
    readonly file: string;
  } | null;
  /** Newest survivor acknowledged before the first lost one; null when there is none. */
  readonly survivorBeforeLoss: AcknowledgedMarker | null;
  /** Newest marker acknowledged at or before T0, lost or not; null when none was, or T0 was not set. */
  readonly newestBeforeT0: AcknowledgedMarker | null;
  /** Newest survivor acknowledged at or before T0. */
  readonly newestSurvivor: AcknowledgedMarker | null;
  /** Acknowledged markers of a writer whose neighbours arrived out of order or with a hole in the numbers. */
  readonly gaps: number;
  /** Transactions per second and bytes per second that it put on the system while all was well. */
  readonly load: { readonly transactionsPerSecond: number; readonly bytesPerSecond: number };
  readonly readAt: Instant;
  /** Where the rows were read back. */
  readonly readFrom: { readonly host: string; readonly port: number; readonly timeline: number; readonly lsn: string };
}

/** What the prober saw on the clients' path. */
export interface ClientOutages {
  readonly kind: "client_outages";
  readonly path: string;
  readonly probeIntervalUs: number;
  readonly connectTimeoutUs: number;
  readonly answerTimeoutUs: number;
  readonly watchedFrom: Instant;
  readonly watchedTo: Instant;
  readonly probes: number;
  readonly failed: number;
  /** In order, the first 1,000. */
  readonly outages: readonly ClientOutage[];
  readonly outagesInAll: number;
}

export interface ClientOutage {
  /** Last probe whose read and write were both answered, before it; null when there was none. */
  readonly lastGood: Instant | null;
  readonly firstFailed: Instant;
  /** When the newest of its failed probes began: service came back after that. */
  readonly lastFailed: Instant;
  /** First read and first acknowledged write after it; null while it lasts. */
  readonly firstRead: Instant | null;
  readonly firstWrite: Instant | null;
  /** Server before and after, `host:port`. */
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string;
}

/** Replication as the primary and each standby said it. */
export interface ReplicationState {
  readonly kind: "replication";
  readonly at: Instant;
  readonly primary: string | null;
  readonly primaryLsn: string | null;
  readonly timeline: number | null;
  readonly standbys: readonly {
    readonly node: string;
    readonly reachable: boolean;
    readonly streaming: boolean;
    readonly sync: string | null;
    readonly receivedLsn: string | null;
    readonly replayedLsn: string | null;
    /** Behind the primary's position; null when one of both is not known. */
    readonly lagBytes: number | null;
    /** `replay_lag` of pg_stat_replication, microseconds. */
    readonly lagUs: number | null;
  }[];
}

/** Which standby was promoted, and why that one. */
export interface Promotion {
  readonly kind: "promotion";
  readonly node: string;
  readonly reason: string;
  readonly candidates: readonly {
    readonly node: string;
    readonly receivedLsn: string | null;
    readonly replayedLsn: string | null;
    readonly timeline: number | null;
    /** Behind the newest position known of the old primary; null when none is known. */
    readonly lagBytes: number | null;
    /** Why it could not be taken; null for a fit one. */
    readonly unfit: string | null;
  }[];
  /** Newest known position of the old primary, and where from (`canary`, `replica-status`). */
  readonly knownLsn: { readonly lsn: string; readonly from: string; readonly ageUs: number } | null;
  readonly fromTimeline: number;
  readonly toTimeline: number;
  /** Where the new timeline begins. */
  readonly promotedLsn: string;
  readonly asked: Instant;
  readonly promoted: Instant;
  readonly resolutionUs: number;
}

/** How it was made sure that the old primary takes no more writes. */
export interface Fencing {
  readonly kind: "fencing";
  readonly node: string;
  readonly how: "stopped" | "already_down" | "unreachable" | "command";
  /** What was asked afterwards, and the answers. */
  readonly proofs: readonly string[];
  readonly at: Instant;
}

/** A fault that was put in. */
export interface Injection {
  readonly kind: "injection";
  readonly fault: string;
  readonly node: string;
  readonly detail: string;
  readonly begun: Instant;
  readonly done: Instant;
}

/** A standby that was made again out of an old primary. */
export interface Rebuild {
  readonly kind: "rebuild";
  readonly node: string;
  readonly method: "pg_rewind" | "base_copy" | "followed";
  readonly reason: string;
  readonly bytes: number | null;
  /** Path of the old data directory when it was kept, else null. */
  readonly kept: string | null;
  /** When it was seen to stream from the new primary; it began at most `resolutionUs` before. */
  readonly streaming: Instant & { readonly resolutionUs: number };
}

/** Time for which the drill waited for a person. */
export interface HumanWait {
  readonly kind: "human_wait";
  readonly from: Instant;
  readonly to: Instant;
  readonly what: string;
  readonly decision: "approved" | "declined" | "timed_out";
  readonly who: string | null;
  readonly role: string | null;
  readonly comment: string | null;
}
