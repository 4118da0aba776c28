import { FormatError } from "./format-error.ts";
import { parseLsn } from "./lsn.ts";

/** One ancestor of a timeline: `timeline` was followed up to `switchLsn` (timeline.c, readTimeLineHistory). */
export interface TimelineAncestor {
  readonly timeline: number;
  readonly switchLsn: bigint;
  readonly reason: string;
}

const LINE = /^(\d+)\t([0-9A-Fa-f]+\/[0-9A-Fa-f]+)(?:\t(.*))?$/u;

/** Ancestors of a `NNNNNNNN.history` file, oldest first. Throws `TIMELINE_HISTORY_SYNTAX`. */
export function parseTimelineHistory(text: string, timeline: number): readonly TimelineAncestor[] {
  const ancestors: TimelineAncestor[] = [];
  for (const line of text.split("\n")) {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const last = ancestors.at(-1)?.timeline ?? 0;
    const ancestor = parseLine(trimmed);
    if (ancestor === undefined || ancestor.timeline <= last || ancestor.timeline >= timeline) {
      throw new FormatError(
        "TIMELINE_HISTORY_SYNTAX",
        `history of timeline ${timeline}: unexpected line ${JSON.stringify(line.slice(0, 200))}`,
      );
    }
    ancestors.push(ancestor);
  }
  return ancestors;
}

function parseLine(line: string): TimelineAncestor | undefined {
  const match = LINE.exec(line.replace(/^(\d+)\s+(\S+)\s*/u, "$1\t$2\t"));
  if (match === null) return undefined;
  const [, timeline = "", lsn = "", reason = ""] = match;
  return { timeline: Number(timeline), switchLsn: parseLsn(lsn), reason };
}
