import type { BackupRef } from "../../drills/backup-ref.ts";
import type { Transfer } from "../../drills/facts.ts";
import type { BackupLocation } from "../../drills/inventory.ts";
import type { RecoveryTarget } from "../../drills/recovery-target.ts";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import type { Progress } from "../../drills/progress.ts";

/** Where backups come from. One implementation per kind of source. */
export interface BackupSource {
  readonly kind: BackupLocation["kind"];
  /** All base backups of a location, newest first, and what looked like one but is not, with the reason. */
  list(location: BackupLocation, signal: AbortSignal): Promise<BackupListing>;
  /**
   * Can this backup be brought to the target? Looks at completeness, timelines and WAL continuity; reads names, sizes and
   * headers, not contents. Problems are named exactly: the first missing segment, the file that is short.
   */
  assess(backup: BackupRef, target: RecoveryTarget, timeline: TimelineChoice, signal: AbortSignal): Promise<Assessment>;
  /**
   * Copies the backup into `target` (which exists and is empty), checking every file against the manifest in the same pass;
   * tablespaces go to `tablespaceRoot/<oid>` with links in `pg_tblspc`. Owner and modes are set as the server wants them.
   * Throws `StepError("subject", ...)` for a damaged backup, `transient` or `permanent` for what is ours.
   */
  fetch(backup: BackupRef, into: FetchTarget, watch: Watch): Promise<Transfer>;
  /** Feeds archived WAL to the server's `restore_command` through a spool folder, fetched ahead of the replay. */
  feedWal(backup: BackupRef, spool: WalSpool, watch: Watch): Promise<WalFeed>;
}

export interface BackupListing {
  readonly backups: readonly BackupRef[];
  readonly rejected: readonly { readonly path: string; readonly code: string; readonly reason: string }[];
}

export type TimelineChoice = "latest" | "current" | number;

export type Assessment =
  | {
      readonly kind: "restorable";
      readonly reachesLsn: string | null;
      readonly timeline: number;
      readonly walBytes: number;
      readonly notes: readonly string[];
      /** Those of the notes that say what is not checked by the restore either. Absent: none. */
      readonly unchecked?: readonly string[];
    }
  | { readonly kind: "broken"; readonly problems: readonly BackupProblem[] };

export interface BackupProblem {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface FetchTarget {
  readonly dir: string;
  readonly tablespaceRoot: string;
  readonly uid: number;
  readonly gid: number;
}

export interface WalSpool {
  readonly dir: string;
  readonly sandbox: SandboxRef;
}

export interface Watch {
  readonly signal: AbortSignal;
  progress(progress: Progress): void;
}

export interface WalFeed extends AsyncDisposable {
  /** Value for `restore_command`: one program with `%f` and `%p`, safe for every path. */
  readonly restoreCommand: string;
  /** Segments and bytes handed over so far. */
  handedOver(): { readonly segments: number; readonly bytes: number };
  /** First failure of the feed itself (a damaged segment, a read error), or null. */
  failure(): Error | null;
}
