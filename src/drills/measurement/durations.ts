import type { MarkName } from "../marks.ts";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import type { RunResult } from "../result.ts";
import { clientView, outageClient } from "./client-outage.ts";
import type { Duration } from "./clock-schema.ts";
import { momentIn } from "./fact-view.ts";
import { humanWait } from "./human-wait.ts";
import { cleanupEnd } from "./journal-view.ts";
import type { MarkReading, Marks } from "./marks.ts";
import { failback, unprotected } from "./return-phase.ts";
import { takeover } from "./segments.ts";
import type { StepRun } from "./step-runs.ts";
import { type Moment, momentOf, type Timeline } from "./timeline.ts";

interface Sources {
  readonly plan: Plan;
  readonly records: readonly Recorded[];
  readonly runs: readonly StepRun[];
  readonly marks: Marks;
  readonly timeline: Timeline;
}

/** Every duration of the result, between the marks and what steps saw of a failover. */
export function durationsOf(sources: Sources): RunResult["durations"] {
  const { plan, records, runs, marks, timeline } = sources;
  const { holdMs } = plan.objectives;
  const span = (from: MarkName, to: MarkName): Duration => between(timeline, marks[from], marks[to]);
  const held = (from: MarkName): Duration => (marks.T7.moment === null ? unheld(marks) : span(from, "T6"));
  return {
    rtaTotal: held("T0"),
    rtaTechnical: held("T3"),
    humanWait: humanWait(sources),
    outageClient: outageClient(clientView(plan, records), marks.T0.moment),
    detection: span("T0", "T1"),
    decision: span("T0", "T2"),
    start: span("T2", "T3"),
    firstRead: span("T3", "T4"),
    firstWrite: span("T3", "T5"),
    verification: span(marks.T5.moment === null ? "T4" : "T5", "T6"),
    hold: holdMs === 0 ? { status: "not_applicable", reason: "no hold window was asked for" } : span("T6", "T7"),
    ...takeoverTimes(sources),
    failback: failback(records, runs, timeline),
    unprotected: unprotected(plan, records, marks.T0.moment, timeline),
    run: wholeRun(records, timeline),
  };
}

function takeoverTimes({
  plan,
  records,
  marks,
  timeline,
}: Sources): Pick<RunResult["durations"], "fencing" | "promotion"> {
  const { fencing, promotion } = takeover(plan, records);
  return {
    fencing:
      fencing === null
        ? { status: "not_applicable", reason: "no step fenced an old primary" }
        : fromAction(marks.T3, momentIn(fencing, fencing.fact.at), timeline),
    promotion:
      promotion === null
        ? { status: "not_applicable", reason: "no standby was promoted" }
        : timeline.between(
            momentIn(promotion, promotion.fact.asked),
            momentIn(promotion, promotion.fact.promoted, promotion.fact.resolutionUs),
          ),
  };
}

function fromAction(T3: MarkReading, to: Moment, timeline: Timeline): Duration {
  if (T3.moment !== null) return timeline.between(T3.moment, to);
  return { status: "not_measured", reason: "the fence was put up before the recover phase" };
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
