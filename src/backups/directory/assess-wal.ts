import type { BackupRef } from "../../drills/backup-ref.ts";
import type { RecoveryTarget } from "../../drills/recovery-target.ts";
import { formatLsn, parseLsn } from "../../formats/postgres/lsn.ts";
import type { BackupProblem, TimelineChoice } from "../../steps/ports/backup-source.ts";
import type { Anatomy } from "./anatomy.ts";
import { checkSegments } from "./check-segments.ts";
import { chooseTimeline } from "./timelines.ts";
import { archiveFolder, backupWal, timelineHistories } from "./wal-context.ts";
import { type Continuity, followWal } from "./wal-continuity.ts";
import type { WalIndex } from "./wal-index.ts";

export interface WalAssessment {
  readonly problems: readonly BackupProblem[];
  readonly notes: readonly string[];
  readonly reachesLsn: string | null;
  readonly timeline: number;
  readonly walBytes: number;
}

/** Is there WAL from the backup's start over its end to the target, without a gap and all of the same system? */
export async function assessWal(
  backup: BackupRef,
  anatomy: Anatomy,
  target: RecoveryTarget,
  choice: TimelineChoice,
  signal: AbortSignal,
): Promise<WalAssessment> {
  const index = await walIndex(backup, anatomy, signal);
  const startLsn = parseLsn(backup.startLsn);
  const stopLsn = backup.stopLsn === null ? null : parseLsn(backup.stopLsn);
  const decision = chooseTimeline({
    choice,
    backupTimeline: backup.timeline,
    startLsn,
    stopLsn,
    histories: await timelineHistories(index, signal),
  });
  if (decision.kind === "problem")
    return { problems: [decision.problem], notes: [], reachesLsn: null, timeline: backup.timeline, walBytes: 0 };
  const names = new Set([
    ...index.archive.segments.keys(),
    ...index.backup.segments.keys(),
    ...index.archive.backupHistories.map((file) => file.name),
  ]);
  const has = (name: string): boolean => index.archive.segments.has(name) || index.backup.segments.has(name);
  const untilLsn = neededUntil(target, stopLsn);
  const wal = followWal({ startLsn, segmentBytes: backup.walSegmentBytes, path: decision.path, untilLsn, has, names });
  const needs: Needs = { backup, target, stopLsn, untilLsn };
  const problems = [...gapProblems(wal, needs), ...(await checkSegments(wal.chain, index, backup, signal))];
  return {
    problems,
    notes: partialNotes(wal, index),
    reachesLsn: wal.chain.length === 0 ? null : formatLsn(wal.endLsn),
    timeline: decision.path.timeline,
    walBytes: wal.chain.length * backup.walSegmentBytes,
  };
}

/** Reads a compressed base.tar whole only where the archive does not cover the backup itself. */
export async function walIndex(backup: BackupRef, anatomy: Anatomy, signal: AbortSignal): Promise<WalIndex> {
  const segmentBytes = backup.walSegmentBytes;
  const archive = await archiveFolder(backup.walPath, signal)(segmentBytes);
  const covers = archive.segments.has(anatomy.label.startSegment);
  return { archive, backup: await backupWal(anatomy, segmentBytes, !covers, signal) };
}

interface Needs {
  readonly backup: BackupRef;
  readonly target: RecoveryTarget;
  readonly stopLsn: bigint | null;
  readonly untilLsn: bigint | null;
}

/** Last position whose segment must be there; null: all that there is. */
function neededUntil(target: RecoveryTarget, stopLsn: bigint | null): bigint | null {
  const lastOfBackup = stopLsn === null || stopLsn === 0n ? null : stopLsn - 1n;
  if (target.kind === "immediate") return lastOfBackup;
  if (target.kind !== "lsn") return null;
  const wanted = parseLsn(target.lsn);
  return lastOfBackup !== null && lastOfBackup > wanted ? lastOfBackup : wanted;
}

function gapProblems(wal: Continuity, needs: Needs): readonly BackupProblem[] {
  const { backup, target, stopLsn, untilLsn } = needs;
  const where = backup.walPath ?? `${backup.path}/pg_wal`;
  const [first] = wal.beyond;
  const last = wal.beyond.at(-1);
  const beyond =
    first === undefined || last === undefined
      ? ""
      : `; behind it there is ${first === last ? first : `${first} to ${last} (${wal.beyond.length} files)`}`;
  if (stopLsn !== null && wal.endLsn < stopLsn) {
    return [
      {
        code: "WAL_GAP",
        message: `${where}: WAL segment ${wal.nextName} is missing; the backup needs WAL up to ${formatLsn(stopLsn)} to be consistent${beyond}`,
        hint: "Without it the backup cannot be restored at all.",
      },
    ];
  }
  const isOpen = untilLsn === null || untilLsn >= wal.endLsn;
  if (isOpen && beyond !== "") {
    return [
      {
        code: "WAL_GAP",
        message: `${where}: WAL segment ${wal.nextName} is missing${beyond}`,
        hint: "The server would stop at the gap without an error. Archive the segment again, or take a new backup.",
      },
    ];
  }
  if (wal.chain.length === 0)
    return [
      {
        code: "WAL_GAP",
        message: `${where}: WAL segment ${wal.nextName}, in which the backup starts, is missing`,
        hint: "Name the WAL archive with `wal:` in the inventory.",
      },
    ];
  if (target.kind === "lsn" && parseLsn(target.lsn) > wal.endLsn) {
    return [
      {
        code: "TARGET_AFTER_ARCHIVE",
        message: `the target ${target.lsn} lies behind the end of archived WAL at ${formatLsn(wal.endLsn)}; next would be ${wal.nextName}`,
        hint: "The server would refuse: choose an earlier target, or `latest`.",
      },
    ];
  }
  return [];
}

function partialNotes(wal: Continuity, index: WalIndex): readonly string[] {
  const partial = index.archive.partials.get(wal.nextName);
  return partial === undefined ? [] : [`${partial.path} is not replayed: the server reads no .partial segment`];
}
