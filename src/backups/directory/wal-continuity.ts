import { formatSegmentName, parseWalFileName, segmentOf, segmentStart } from "../../formats/postgres/wal-file-name.ts";
import type { TimelinePath } from "./timelines.ts";

/** What names say about the WAL from a backup's start onwards. Pure: sizes and contents are checked elsewhere. */
export interface Continuity {
  /** Segments in the order the server needs them, without a gap. */
  readonly chain: readonly ChainSegment[];
  /** Start of the first segment that is not there. */
  readonly endLsn: bigint;
  readonly endTimeline: number;
  /** Name the server would ask for next. */
  readonly nextName: string;
  /** Names of WAL files that show that there was WAL after the end: later segments, backup history files. */
  readonly beyond: readonly string[];
}

export interface ChainSegment {
  readonly name: string;
  readonly timeline: number;
  readonly segment: bigint;
}

export interface ContinuityQuestion {
  readonly startLsn: bigint;
  readonly segmentBytes: number;
  readonly path: TimelinePath;
  /** The walk ends with the segment that holds this position; null walks as far as there is WAL. */
  readonly untilLsn: bigint | null;
  readonly has: (name: string) => boolean;
  /** All names of WAL files there are. */
  readonly names: Iterable<string>;
}

/**
 * Follows the chain segment by segment. Where a timeline forks inside a segment, the new timeline's file is the one
 * that continues; the old one's will do only when the walk ends before the fork.
 */
export function followWal(question: ContinuityQuestion): Continuity {
  const { segmentBytes, path } = question;
  const chain: ChainSegment[] = [];
  const last = question.untilLsn === null ? null : segmentOf(question.untilLsn, segmentBytes);
  let segment = segmentOf(question.startLsn, segmentBytes);
  for (let link = findLink(question, segment); link !== undefined; link = findLink(question, segment)) {
    chain.push(link);
    segment += 1n;
    if (last !== null && segment > last) break;
  }
  const timeline = wantedTimelines(question, segment).at(0) ?? path.timeline;
  return {
    chain,
    endLsn: segmentStart(segment, segmentBytes),
    endTimeline: chain.at(-1)?.timeline ?? timeline,
    nextName: formatSegmentName(timeline, segment, segmentBytes),
    beyond: evidenceBeyond(question, segment),
  };
}

function findLink(question: ContinuityQuestion, segment: bigint): ChainSegment | undefined {
  for (const timeline of wantedTimelines(question, segment)) {
    const name = formatSegmentName(timeline, segment, question.segmentBytes);
    if (question.has(name)) return { name, timeline, segment };
  }
  return undefined;
}

/** Timelines whose file of this segment continues the chain, best first. */
function wantedTimelines(question: ContinuityQuestion, segment: bigint): readonly number[] {
  const begin = segmentStart(segment, question.segmentBytes);
  const end = begin + BigInt(question.segmentBytes);
  const inside = question.path.stretches.filter(
    (part) => part.beginLsn < end && (part.endLsn === null || part.endLsn > begin),
  );
  const newest = inside.at(-1);
  if (newest === undefined) return [];
  const { untilLsn } = question;
  const beforeFork = inside.filter(
    (part) => part !== newest && untilLsn !== null && untilLsn < end && part.beginLsn <= untilLsn,
  );
  return [newest.timeline, ...beforeFork.map((part) => part.timeline).toReversed()];
}

/** Segments and backup history files of the path's timelines behind the end. */
function evidenceBeyond(question: ContinuityQuestion, end: bigint): readonly string[] {
  const found: string[] = [];
  for (const name of question.names) {
    const parsed = parseWalFileName(name, question.segmentBytes);
    if (parsed === undefined || parsed.kind === "timeline-history" || parsed.kind === "partial") continue;
    // A backup history file of segment n says that n was written; as a segment it must lie behind the missing one.
    const isBehind = parsed.kind === "segment" ? parsed.segment > end : parsed.segment >= end;
    if (isBehind && belongs(question.path, parsed.timeline, segmentStart(parsed.segment, question.segmentBytes)))
      found.push(name);
  }
  return found.toSorted((a, b) => (a.slice(8) < b.slice(8) ? -1 : 1));
}

function belongs(path: TimelinePath, timeline: number, begin: bigint): boolean {
  const stretch = path.stretches.find((part) => part.timeline === timeline);
  return stretch !== undefined && (stretch.endLsn === null || begin < stretch.endLsn);
}
