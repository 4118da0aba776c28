import type { MarkName } from "../marks.ts";
import type { Recorded } from "../run-event.ts";
import type { RunResult } from "../result.ts";
import type { Duration } from "./clock-schema.ts";
import { cleanupEnd } from "./journal-view.ts";
import type { MarkReading, Marks } from "./marks.ts";
import { measured, momentOf, type Timeline } from "./timeline.ts";

/** Every duration of the result, between the marks. */
export function durationsOf(
  records: readonly Recorded[],
  marks: Marks,
  timeline: Timeline,
  holdMs: number,
): RunResult["durations"] {
  const span = (from: MarkName, to: MarkName): Duration => between(timeline, marks[from], marks[to]);
  const held = (from: MarkName): Duration => (marks.T7.moment === null ? unheld(marks) : span(from, "T6"));
  return {
    rtaTotal: held("T0"),
    rtaTechnical: held("T3"),
    // No step of this version asks a person, so nobody was waited for: a measured zero.
    humanWait: measured({ valueUs: 0, loUs: 0, hiUs: 0 }),
    outageClient: { status: "not_applicable", reason: "no prober ran on a client's path" },
    detection: span("T0", "T1"),
    decision: span("T0", "T2"),
    start: span("T2", "T3"),
    firstRead: span("T3", "T4"),
    firstWrite: span("T3", "T5"),
    verification: span(marks.T5.moment === null ? "T4" : "T5", "T6"),
    hold: holdMs === 0 ? { status: "not_applicable", reason: "no hold window was asked for" } : span("T6", "T7"),
    run: wholeRun(records, timeline),
  };
}

/** The first end that has no instant says why there is no duration. */
export function between(timeline: Timeline, from: MarkReading, to: MarkReading): Duration {
  if (from.moment !== null && to.moment !== null) return timeline.between(from.moment, to.moment);
  const { mark } = from.moment === null ? from : to;
  if (mark.status === "not_applicable") return { status: "not_applicable", reason: mark.reason };
  return { status: "not_measured", reason: mark.status === "measured" ? "no instant" : `${mark.mark}: ${mark.reason}` };
}

/** A recovery that did not hold is no recovery: T6 without T7 gives no recovery time. */
function unheld(marks: Marks): Duration {
  const { mark } = marks.T6.moment === null ? marks.T6 : marks.T7;
  return { status: "not_measured", reason: mark.status === "measured" ? "no instant" : `${mark.mark}: ${mark.reason}` };
}

function wholeRun(records: readonly Recorded[], timeline: Timeline): Duration {
  const first = records.at(0);
  const end = cleanupEnd(records);
  if (first === undefined || end === undefined) return { status: "not_measured", reason: "the run is unfinished" };
  return timeline.between(momentOf(first), momentOf(end));
}
