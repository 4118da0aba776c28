import { APPROVAL_USES } from "../consents.ts";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import type { Duration } from "./clock-schema.ts";
import { momentIn, seenFacts } from "./fact-view.ts";
import { recoveryEndSeq } from "./journal-view.ts";
import type { Marks } from "./marks.ts";
import type { StepRun } from "./step-runs.ts";
import { measured, momentOf, type Moment, type Timeline } from "./timeline.ts";

interface Sources {
  readonly plan: Plan;
  readonly records: readonly Recorded[];
  readonly runs: readonly StepRun[];
  readonly marks: Marks;
  readonly timeline: Timeline;
}

interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/**
 * Time between T0 and T6 in which the drill waited for at least one person; two who are asked at once are waited for once.
 * Nobody asked is a measured zero. Where T6 was not reached the window ends where the recovery was over.
 */
export function humanWait(sources: Sources): Duration {
  const unanswered = interrupted(sources);
  if (unanswered !== undefined) {
    return { status: "not_measured", reason: `the wait for an answer to '${unanswered}' was interrupted` };
  }
  const { plan, records, marks, timeline } = sources;
  const spans = seenFacts(plan, records, "human_wait").map((seen): Span => ({
    fromUs: timeline.at(momentIn(seen, seen.fact.from)),
    toUs: timeline.at(momentIn(seen, seen.fact.to)),
  }));
  if (spans.length === 0) return measured({ valueUs: 0, loUs: 0, hiUs: 0 });
  if (spans.some(({ fromUs, toUs }) => toUs < fromUs))
    return { status: "not_measured", reason: "a wait ended before it began: the machine was restarted meanwhile" };
  const t0 = marks.T0.moment;
  const end = endOf(sources);
  if (t0 === null || end === null) return { status: "not_measured", reason: "T0 was not set" };
  return within(spans, t0, end, timeline);
}

/** Asked, and the run ended before anybody answered: for how long nobody recorded. */
function interrupted({ plan, records, runs }: Sources): string | undefined {
  const answered = new Set(seenFacts(plan, records, "human_wait").map(({ step }) => step));
  return runs.find(({ step, attempts }) => step.uses === APPROVAL_USES && attempts > 0 && !answered.has(step.id))?.step
    .id;
}

function endOf({ records, marks }: Sources): Moment | null {
  if (marks.T6.moment !== null) return marks.T6.moment;
  const endSeq = recoveryEndSeq(records);
  const over = records.find(({ seq }) => seq === endSeq) ?? records.at(-1);
  return over === undefined ? null : momentOf(over);
}

/** The true T0 and T6 may lie earlier than they were seen: that makes the wait longer at its begin and shorter at its end. */
function within(spans: readonly Span[], t0: Moment, end: Moment, timeline: Timeline): Duration {
  const [fromUs, toUs] = [timeline.at(t0), timeline.at(end)];
  return measured({
    valueUs: coveredUs(spans, fromUs, toUs),
    loUs: coveredUs(spans, fromUs, toUs - end.resolutionUs),
    hiUs: coveredUs(spans, fromUs - t0.resolutionUs, toUs),
  });
}

/** Length of the union of the spans inside the window. */
function coveredUs(spans: readonly Span[], fromUs: number, toUs: number): number {
  let reachedUs = fromUs;
  let sumUs = 0;
  for (const span of spans.toSorted((a, b) => a.fromUs - b.fromUs)) {
    const beginUs = Math.max(span.fromUs, reachedUs);
    const endUs = Math.min(span.toUs, toUs);
    if (endUs <= beginUs) continue;
    sumUs += endUs - beginUs;
    reachedUs = endUs;
  }
  return sumUs;
}
