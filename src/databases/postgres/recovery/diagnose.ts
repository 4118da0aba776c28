import { describeTarget, type RecoveryTarget } from "../../../drills/recovery-target.ts";
import type { FailureClass } from "../../../drills/run-event.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { ReplayLog } from "./replay-log.ts";

export interface ServerEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

interface Cause {
  readonly pattern: RegExp;
  readonly class: FailureClass;
  readonly code: string;
  /** What it means for a restore; the server's own words follow. */
  readonly says: string;
  readonly hint: string;
}

const CAUSES: readonly Cause[] = [
  {
    pattern: /WAL ends before (?:end of online backup|consistent recovery point)/u,
    class: "subject",
    code: "RECOVERY_WAL_INCOMPLETE",
    says: "the WAL ends before the end of the backup: this backup cannot be opened",
    hint: "find the missing segments; every backup needs the WAL of the time it was taken",
  },
  {
    pattern: /requested recovery stop point is before consistent recovery point/u,
    class: "subject",
    code: "RECOVERY_TARGET_BEFORE_BACKUP",
    says: "the target lies before the end of the backup",
    hint: "choose an older backup or a later target",
  },
  {
    pattern: /insufficient parameter settings/u,
    class: "permanent",
    code: "RESTORE_SETTING_LOW",
    says: "a setting of the sandbox is smaller than on the source",
    hint: "give the source's value under `settings:` of the restore",
  },
  {
    pattern:
      /could not access file "|could not load library|resource manager with ID \d+ not registered|could not find function/u,
    class: "permanent",
    code: "RESTORE_LIBRARY",
    says: "the sandbox's server lacks a library that the backup needs",
    hint: "install the extension for this server and name it under `preload:` of the restore",
  },
  {
    pattern:
      /requested timeline \d+ is not a child of this server's history|recovery target timeline \d+ does not exist/u,
    class: "subject",
    code: "RECOVERY_TIMELINE",
    says: "the wanted timeline does not continue this backup",
    hint: "choose a backup of that timeline, or another `timeline:`",
  },
  {
    pattern:
      /could not (?:locate|find) (?:a valid|required) checkpoint record|could not find redo location|invalid (?:primary )?checkpoint record|invalid checkpoint/u,
    class: "subject",
    code: "RECOVERY_NO_CHECKPOINT",
    says: "the WAL of the backup's first checkpoint is missing or damaged",
    hint: "find the segment that backup_label names in the archive",
  },
  {
    pattern: /database files are incompatible with server/u,
    class: "permanent",
    code: "PG_BINARIES",
    says: "the server cannot read the backup's files",
    hint: "install the version that wrote the backup, or name its folder with --pg-bin",
  },
  {
    pattern: /could not restore file "[^"]+" from archive/u,
    class: "permanent",
    code: "RESTORE_WAL_FEED",
    says: "the program that hands WAL to the server failed",
    hint: "see the server's log in the sandbox",
  },
  {
    pattern:
      /unrecognized configuration parameter|invalid value for parameter|is outside the valid range|parameter "[^"]+" (?:requires|cannot)|configuration file "[^"]+" contains errors/u,
    class: "permanent",
    code: "RESTORE_SETTING",
    says: "the server does not take a setting",
    hint: "correct it under `settings:` of the restore",
  },
  {
    pattern: /No space left on device/u,
    class: "permanent",
    code: "RESTORE_DISK_FULL",
    says: "the disk of the sandbox is full",
    hint: "use a state directory on a larger disk (--state)",
  },
  {
    pattern: /could not (?:map anonymous|create|resize) shared memory|Cannot allocate memory/u,
    class: "permanent",
    code: "RESTORE_MEMORY",
    says: "the server does not get its memory",
    hint: "set a smaller `shared_buffers` under `settings:` of the restore",
  },
  {
    pattern:
      /WAL contains references to invalid pages|invalid page in block|could not access status of transaction|xlog flush request|incorrect checksum in control file|invalid data in file "backup_label"/u,
    class: "subject",
    code: "RECOVERY_DAMAGED",
    says: "the backup's files and its WAL do not fit each other",
    hint: "the backup is damaged or incomplete; verify it, and take a new one",
  },
];

/** Why the server ended during recovery, in our words and the server's, with the positions it got between. */
export function diagnose(
  log: ReplayLog,
  end: ServerEnd,
  target: RecoveryTarget,
  expectedLsn: string | null,
): StepError {
  const details = { exitCode: end.code, signal: end.signal, reached: log.redoDoneAt, expectedLsn };
  if (log.fatal?.includes("recovery ended before configured recovery target was reached") === true)
    return notReached(log, target, details);
  const cause = CAUSES.find(({ pattern }) => pattern.test(log.fatal ?? ""));
  const why = log.stopReason === null ? "" : ` (${log.stopReason})`;
  if (cause !== undefined)
    return new StepError(cause.class, cause.code, `${cause.says}: ${log.fatal}${why}`, { hint: cause.hint, details });
  if (log.fatal !== null) {
    return new StepError("permanent", "RESTORE_SERVER", `the server ended during recovery: ${log.fatal}${why}`, {
      hint: "see the server's log in the sandbox",
      details,
    });
  }
  const how = log.killed ?? (end.signal === null ? `exit code ${end.code}` : `killed by ${end.signal}`);
  return new StepError(
    "transient",
    "RESTORE_SERVER_KILLED",
    `the server ended during recovery without a word of its own: ${how}`,
    {
      hint: "something ended it from outside (out of memory?); run again",
      details,
    },
  );
}

/** A standby that lacks the WAL of its own backup never ends and never opens: its log says that it waits. Null: it does not. */
export function stuckBeforeOpen(log: ReplayLog): StepError | null {
  if (log.consistent || log.waitsForWalAt === null) return null;
  const why = log.stopReason === null ? "" : ` (${log.stopReason})`;
  const where = `WAL at ${log.waitsForWalAt} is not in the archive${why}`;
  if (!log.redoStarted)
    return new StepError(
      "subject",
      "RECOVERY_NO_CHECKPOINT",
      `the WAL of the backup's first checkpoint is missing or damaged: ${where}`,
      { hint: "find the segment that backup_label names in the archive" },
    );
  return new StepError(
    "subject",
    "RECOVERY_WAL_INCOMPLETE",
    `the WAL ends before the end of the backup, so this backup cannot be opened: ${where}`,
    { hint: "find the missing segments; every backup needs the WAL of the time it was taken" },
  );
}

/** The WAL that there is does not go as far as was asked: both positions stand in the message. */
function notReached(log: ReplayLog, target: RecoveryTarget, details: Readonly<Record<string, unknown>>): StepError {
  const reached = [
    log.redoDoneAt === null ? "no position" : `LSN ${log.redoDoneAt}`,
    log.lastTransaction === null ? "no transaction" : `last transaction ${log.lastTransaction}`,
  ].join(", ");
  const why = log.stopReason === null ? "" : ` (${log.stopReason})`;
  return new StepError(
    "subject",
    "RECOVERY_TARGET_NOT_REACHED",
    `the target ${describeTarget(target)} was not reached: the WAL ends at ${reached}${why}`,
    {
      hint: "the archive lacks WAL, or the target lies after the last commit: use `until: latest` and look at the recovery point",
      details: { ...details, lastTransaction: log.lastTransaction },
    },
  );
}
