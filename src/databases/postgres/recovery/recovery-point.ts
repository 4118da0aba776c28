import { describeTarget } from "../../../drills/recovery-target.ts";
import type { RecoveryPoint } from "../../../drills/facts.ts";
import { StepError } from "../../../drills/step-error.ts";
import { parseLsn } from "../../../formats/postgres/lsn.ts";
import type { RecoverRequest, Session } from "../../../steps/ports/postgres.ts";
import type { ReplayState } from "./replay-state.ts";
import { replayedTimeline } from "./replayed-timeline.ts";
import { serverTime } from "./server-config.ts";

/** Reads how far the copy got, while it still recovers: what it does after its promotion cannot change the answer. */
export async function readRecoveryPoint(
  request: RecoverRequest,
  session: Session,
  state: ReplayState,
): Promise<RecoveryPoint> {
  const [row] = await session.query<{ commit: string | null }>(
    "select pg_catalog.pg_last_xact_replay_timestamp() as commit",
  );
  if (state.lsn === null)
    throw new StepError("permanent", "RESTORE_SERVER", "the server does not say how far it replayed");
  const { timeline, from } = await replayedTimeline(
    request.dataDir,
    state.lsn,
    request.timeline,
    request.backup.timeline,
  );
  const commit = row?.commit ?? null;
  return {
    kind: "recovery_point",
    target: describeTarget(request.target),
    lsn: state.lsn,
    timeline,
    commitWallUs: commit === null ? null : wallUsOf(commit),
    expectedLsn: expectedOf(request),
    from: {
      lsn: "pg_last_wal_replay_lsn()",
      timeline: from,
      commitTime: commit === null ? "no transaction was replayed" : "pg_last_xact_replay_timestamp()",
    },
  };
}

/** `2026-11-21 03:00:00.123456+00`, as our sessions have it written; parsed here, since its own arithmetic could be replaced. */
export function wallUsOf(text: string): number {
  const [, date, time, fraction = ""] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/u.exec(text) ?? [];
  if (date === undefined || time === undefined)
    throw new StepError("permanent", "RESTORE_SERVER", `the server's time of the last commit is none: ${text}`);
  return Date.parse(`${date}T${time}Z`) * 1000 + Number(fraction.padEnd(6, "0"));
}

/** A time or a name says nothing of a position: null. */
function expectedOf({ target, backup, expectedLsn }: RecoverRequest): string | null {
  switch (target.kind) {
    case "latest":
      return expectedLsn;
    case "lsn":
      return target.lsn;
    case "immediate":
      return backup.stopLsn;
    case "time":
    case "name":
      return null;
    default:
      return target satisfies never;
  }
}

/**
 * Less data than asked for comes back without an error of the server in three cases: the archive's last segments are missing,
 * a newer timeline was not followed, the target time lies before the backup's end. Each is an error here.
 */
export function requireExpected(request: RecoverRequest, point: RecoveryPoint, stopReason: string | null): void {
  const { target, backup } = request;
  const reached = parseLsn(point.lsn);
  if (backup.stopLsn !== null && reached < parseLsn(backup.stopLsn))
    throw short(point, `the end of the backup, ${backup.stopLsn}`, stopReason);
  if (target.kind === "lsn" && reached < parseLsn(target.lsn))
    throw short(point, `the target, ${target.lsn}`, stopReason);
  if (target.kind !== "latest") return;
  if (request.expectedLsn !== null && isBeforeLastSegment(reached, request.expectedLsn, backup.walSegmentBytes)) {
    throw short(point, `the end of the archive, ${request.expectedLsn}`, stopReason);
  }
  const broken = stoppedInside(request, reached, stopReason);
  if (broken !== null) throw short(point, `the end of the last segment of the archive, ${broken}`, stopReason);
  const archived = backup.archiveEndTimeline;
  if (request.timeline === "latest" && archived !== null && point.timeline < archived)
    throw short(point, `timeline ${archived} of the archive`, stopReason);
}

/** The tail of the last segment may be empty (a switch), so only the segment counts; its start belongs to the one before. */
function isBeforeLastSegment(reached: bigint, expectedLsn: string, segmentBytes: number): boolean {
  return reached <= parseLsn(expectedLsn) - BigInt(segmentBytes);
}

/**
 * An archived segment is whole: replay ends at its end, or before a record that goes on in the next one, about which the
 * server complains of nothing. A complaint about a place behind the last record and inside the segment is damage. Only zeros
 * are in order where the backup brought its last segment itself: what streamed it ends in the middle (pg_basebackup).
 */
function stoppedInside(request: RecoverRequest, reached: bigint, stopReason: string | null): string | null {
  const { expectedLsn, backup } = request;
  if (expectedLsn === null || stopReason === null || reached >= parseLsn(expectedLsn)) return null;
  const places = [...stopReason.matchAll(/\b[0-9A-F]{1,8}\/[0-9A-F]{1,8}\b/gu)].map(([text]) => parseLsn(text));
  if (!places.some((place) => place >= reached && place < parseLsn(expectedLsn))) return null;
  if (!stopReason.trim().endsWith(", got 0")) return expectedLsn;
  const size = BigInt(backup.walSegmentBytes);
  const ownSegment = backup.stopLsn === null ? null : parseLsn(backup.stopLsn) / size;
  const fromArchive = backup.walPath !== null && ownSegment !== null && reached / size > ownSegment;
  return fromArchive ? expectedLsn : null;
}

function short(point: RecoveryPoint, wanted: string, stopReason: string | null): StepError {
  const why = stopReason === null ? "" : ` (${stopReason})`;
  return new StepError(
    "subject",
    "RECOVERY_POINT_SHORT",
    `replay ended at ${point.lsn} on timeline ${point.timeline}, before ${wanted}${why}`,
    {
      hint: "WAL is missing, damaged or of another timeline: what was committed after this position would be lost",
      details: { reached: point.lsn, timeline: point.timeline, wanted },
    },
  );
}

/** Known before anything starts: a time before the backup's end is answered with the backup's end, without an error. */
export function requireTargetAfterBackup({ target, backup }: RecoverRequest): void {
  if (target.kind === "lsn" && backup.stopLsn !== null && parseLsn(target.lsn) < parseLsn(backup.stopLsn)) {
    throw beforeBackup(target.lsn, `at ${backup.stopLsn}`);
  }
  if (target.kind !== "time") return;
  const endedWallUs = backup.endedWallUs ?? backup.startedWallUs;
  if (endedWallUs !== null && target.wallUs < endedWallUs)
    throw beforeBackup(target.text, `at ${serverTime(endedWallUs)} (${backup.timeFrom})`);
}

function beforeBackup(target: string, end: string): StepError {
  return new StepError(
    "subject",
    "RECOVERY_TARGET_BEFORE_BACKUP",
    `the target ${target} lies before the end of the backup ${end}`,
    {
      hint: "choose an older backup or a later target",
    },
  );
}
