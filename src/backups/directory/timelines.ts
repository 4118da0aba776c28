import type { TimelineAncestor } from "../../formats/postgres/timeline-history.ts";
import type { BackupProblem, TimelineChoice } from "../../steps/ports/backup-source.ts";
import { formatLsn } from "../../formats/postgres/lsn.ts";
import { formatHistoryName } from "../../formats/postgres/wal-file-name.ts";

/** One stretch of the way from the backup to the target: `timeline` is followed from `beginLsn` to `endLsn`. */
export interface TimelineStretch {
  readonly timeline: number;
  readonly beginLsn: bigint;
  /** Where the next timeline forks off; null for the last. */
  readonly endLsn: bigint | null;
}

export interface TimelinePath {
  readonly timeline: number;
  /** Oldest first; the first is the backup's own timeline or an ancestor of it. */
  readonly stretches: readonly TimelineStretch[];
}

export type TimelineDecision =
  | { readonly kind: "path"; readonly path: TimelinePath }
  | { readonly kind: "problem"; readonly problem: BackupProblem };

export interface TimelineQuestion {
  readonly choice: TimelineChoice;
  readonly backupTimeline: number;
  readonly startLsn: bigint;
  readonly stopLsn: bigint | null;
  /** Ancestors per timeline, from the history files that exist. */
  readonly histories: ReadonlyMap<number, readonly TimelineAncestor[]>;
}

/**
 * Which timeline will the server follow, and where does it change? As `recovery_target_timeline` does it: `latest`
 * counts up from the backup's timeline while the next history file exists (timeline.c, findNewestTimeLine).
 */
export function chooseTimeline(question: TimelineQuestion): TimelineDecision {
  const timeline = wantedTimeline(question);
  if (timeline === question.backupTimeline) return { kind: "path", path: straight(question) };
  const ancestors = question.histories.get(timeline);
  if (ancestors === undefined) {
    return problem(
      "TIMELINE_UNKNOWN",
      `timeline ${timeline} has no history file: ${formatHistoryName(timeline)} is missing`,
      "Archive history files too: the server archives them like segments.",
    );
  }
  const own = ancestors.find((ancestor) => ancestor.timeline === question.backupTimeline);
  if (own === undefined) {
    return problem(
      "TIMELINE_FORK",
      `timeline ${timeline} does not descend from timeline ${question.backupTimeline} of the backup`,
      "Choose `timeline: current`, or a backup of the timeline wanted.",
    );
  }
  const backupEnd = question.stopLsn ?? question.startLsn;
  if (own.switchLsn < backupEnd) {
    const message = `timeline ${timeline} left timeline ${own.timeline} at ${formatLsn(own.switchLsn)}, before the backup ended at ${formatLsn(backupEnd)}`;
    return problem("TIMELINE_FORK", message, "Choose `timeline: current`, or a backup that ended before the fork.");
  }
  return { kind: "path", path: { timeline, stretches: stretches(ancestors, timeline) } };
}

function wantedTimeline(question: TimelineQuestion): number {
  if (question.choice === "current") return question.backupTimeline;
  if (question.choice !== "latest") return question.choice;
  let newest = question.backupTimeline;
  while (question.histories.has(newest + 1)) newest += 1;
  return newest;
}

function straight(question: TimelineQuestion): TimelinePath {
  return {
    timeline: question.backupTimeline,
    stretches: [{ timeline: question.backupTimeline, beginLsn: 0n, endLsn: null }],
  };
}

function stretches(ancestors: readonly TimelineAncestor[], timeline: number): readonly TimelineStretch[] {
  let beginLsn = 0n;
  const found: TimelineStretch[] = [];
  for (const ancestor of ancestors) {
    found.push({ timeline: ancestor.timeline, beginLsn, endLsn: ancestor.switchLsn });
    beginLsn = ancestor.switchLsn;
  }
  return [...found, { timeline, beginLsn, endLsn: null }];
}

function problem(code: string, message: string, hint: string): TimelineDecision {
  return { kind: "problem", problem: { code, message, hint } };
}
