import type { BackupRef } from "../../drills/backup-ref.ts";
import { describeTarget, type RecoveryTarget } from "../../drills/recovery-target.ts";
import { formatLsn, parseLsn } from "../../formats/postgres/lsn.ts";
import type { Assessment, BackupProblem, TimelineChoice } from "../../steps/ports/backup-source.ts";
import { type Anatomy, readAnatomy } from "./anatomy.ts";
import { assessWal, type WalAssessment } from "./assess-wal.ts";
import { checkCompleteness } from "./completeness.ts";
import { problemOf } from "./subject-error.ts";

/** Every problem at once: names, sizes, headers; no content. */
export async function assessBackup(
  backup: BackupRef,
  target: RecoveryTarget,
  timeline: TimelineChoice,
  signal: AbortSignal,
): Promise<Assessment> {
  const problems: BackupProblem[] = [...targetProblems(backup, target)];
  const notes: string[] = [];
  const unchecked: string[] = [...timeNotes(backup, target)];
  const anatomy = await collect(problems, () => readAnatomy(backup.path, signal));
  if (anatomy !== undefined) {
    problems.push(...changes(anatomy, backup));
    const completeness = await collect(problems, () => checkCompleteness(anatomy, signal));
    problems.push(...(completeness?.problems ?? []));
    notes.push(...(completeness?.notes ?? []));
    unchecked.unshift(...(completeness?.unchecked ?? []));
  }
  const wal: WalAssessment | undefined =
    anatomy === undefined
      ? undefined
      : await collect(problems, () => assessWal(backup, anatomy, target, timeline, signal));
  problems.push(...(wal?.problems ?? []));
  notes.push(...(wal?.notes ?? []), ...unchecked);
  signal.throwIfAborted();
  if (problems.length > 0 || wal === undefined) return { kind: "broken", problems };
  const { reachesLsn, timeline: along, walBytes } = wal;
  return { kind: "restorable", reachesLsn, timeline: along, walBytes, notes, unchecked };
}

/** Runs one look; what it says about the backup is collected, what is ours is thrown. */
async function collect<T>(problems: BackupProblem[], look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    const problem = problemOf(error);
    if (problem === undefined) throw error;
    problems.push(problem);
    return undefined;
  }
}

/** The server stops at the first consistent position for such a target, without an error: less or more data than asked. */
function targetProblems(backup: BackupRef, target: RecoveryTarget): readonly BackupProblem[] {
  const hint = "Choose a later target, or an older backup.";
  if (target.kind === "lsn") {
    const end = backup.stopLsn ?? backup.startLsn;
    if (parseLsn(target.lsn) >= parseLsn(end)) return [];
    return [
      {
        code: "TARGET_BEFORE_BACKUP_END",
        message: `the target ${target.lsn} lies before the end of backup ${backup.id} at ${end}`,
        hint,
      },
    ];
  }
  const end = backup.endedWallUs ?? backup.startedWallUs;
  if (target.kind !== "time" || end === null || target.wallUs >= end) return [];
  const message = `the target ${describeTarget(target)} lies before the end of backup ${backup.id} at ${new Date(end / 1000).toISOString()} (${backup.timeFrom})`;
  return [{ code: "TARGET_BEFORE_BACKUP_END", message, hint }];
}

function timeNotes(backup: BackupRef, target: RecoveryTarget): readonly string[] {
  if (target.kind !== "time") return [];
  if (backup.endedWallUs === null)
    return ["the time at which the backup ended is unknown: a target before it would not be noticed here"];
  return [];
}

function changes(anatomy: Anatomy, backup: BackupRef): readonly BackupProblem[] {
  const now = anatomy.manifest?.sha256 ?? null;
  if (now === backup.manifestSha256 && formatLsn(anatomy.label.startLsn) === backup.startLsn) return [];
  return [
    {
      code: "BACKUP_CHANGED",
      message: `${backup.path} is not the backup that was found there: its manifest or label changed`,
      hint: "Find the backup again.",
    },
  ];
}
