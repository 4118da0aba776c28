import { formatDurationUs } from "../../support/format.ts";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import type { Duration, MeasuredDuration } from "./clock-schema.ts";
import { between } from "./durations.ts";
import { JOURNAL_RESOLUTION_US, type Marks } from "./marks.ts";
import { givenUpAt, subjectFaults } from "./pursuit.ts";
import type { StepRun } from "./step-runs.ts";
import { momentOf, type Timeline } from "./timeline.ts";
import type { RtoVerdict } from "./verdict-schema.ts";

interface Sources {
  readonly plan: Plan;
  readonly records: readonly Recorded[];
  readonly runs: readonly StepRun[];
  readonly marks: Marks;
  readonly timeline: Timeline;
}

type Judgement = Pick<RtoVerdict, "verdict" | "reason" | "marginUs">;

/**
 * The RTO's verdict, by the pessimistic end of the interval: `met` needs all of it within the target, `missed` all of it
 * beyond; across the target it is `not_measured`, which is no pass. A recovery that ended for the subject's fault, or was
 * still going on past the target, is missed without a recovery time.
 */
export function rtoVerdict(sources: Sources): RtoVerdict {
  const { objectives } = sources.plan;
  const from = objectives.clock === "total" ? sources.marks.T0 : sources.marks.T3;
  const recovered = sources.marks.T7.moment !== null;
  const value: Duration = recovered ? between(sources.timeline, from, sources.marks.T6) : notRecovered(sources);
  const elapsed = recovered ? value : elapsedFrom(sources, from.moment);
  const targetUs = objectives.rtoMs === null ? null : objectives.rtoMs * 1000;
  const head = { targetUs, setBy: objectives.setBy.rto, clock: objectives.clock, value, recovered, elapsed };
  if (targetUs === null) return { ...head, verdict: "not_set", reason: "no RTO was set", marginUs: null };
  const judgement =
    value.status === "measured" ? compare(value, targetUs) : withoutRecovery(sources, elapsed, targetUs);
  return { ...head, ...judgement };
}

function notRecovered(sources: Sources): Duration {
  const { mark } = sources.marks.T6.moment === null ? sources.marks.T6 : sources.marks.T7;
  return {
    status: "not_measured",
    reason: `not recovered: ${mark.status === "measured" ? "did not hold" : mark.reason}`,
  };
}

/**
 * From the clock's begin to where recovery was given up, or to the journal's end. A service that passed its checks and
 * then was not seen to hold had taken the time to T6: how long it was watched afterwards proves nothing.
 */
function elapsedFrom(sources: Sources, begin: Marks["T0"]["moment"]): Duration {
  if (begin === null) return { status: "not_measured", reason: "the clock was not started" };
  const { moment } = sources.marks.T6;
  if (moment !== null && subjectFaults(sources.runs).length === 0) return sources.timeline.between(begin, moment);
  const end = givenUpAt(sources.plan, sources.records, sources.runs) ?? sources.records.at(-1);
  if (end === undefined) return { status: "not_measured", reason: "the journal is empty" };
  return sources.timeline.between(begin, momentOf(end, JOURNAL_RESOLUTION_US));
}

function compare(value: MeasuredDuration, targetUs: number): Judgement {
  const marginUs = targetUs - value.hiUs;
  const target = formatDurationUs(targetUs);
  if (marginUs >= 0) return { verdict: "met", marginUs, reason: `${value.text} is within ${target}` };
  if (value.loUs > targetUs) return { verdict: "missed", marginUs, reason: `${value.text} is more than ${target}` };
  const reason = `${value.text} lies on both sides of the target of ${target}: the measurement is too coarse to tell`;
  return { verdict: "not_measured", marginUs: null, reason };
}

function withoutRecovery(sources: Sources, elapsed: Duration, targetUs: number): Judgement {
  const [fault] = subjectFaults(sources.runs);
  if (elapsed.status === "measured" && fault !== undefined) {
    const why = fault.failure?.code ?? "the check answered no";
    return missed(`not recovered: step '${fault.step.id}' ended it after ${elapsed.text} (${why})`);
  }
  if (elapsed.status === "measured" && elapsed.loUs > targetUs) {
    const state = sources.marks.T6.moment === null ? "not recovered" : "recovered, and not seen to hold,";
    return missed(`${state} after ${elapsed.text}, more than ${formatDurationUs(targetUs)}`);
  }
  const { mark } =
    [sources.marks.T0, sources.marks.T6, sources.marks.T7].find((each) => each.moment === null) ?? sources.marks.T7;
  const why = mark.status === "measured" ? "no recovery time" : `${mark.mark}: ${mark.reason}`;
  return { verdict: "not_measured", marginUs: null, reason: why };
}

const missed = (reason: string): Judgement => ({ verdict: "missed", marginUs: null, reason });
