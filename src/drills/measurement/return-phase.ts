import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import type { Duration } from "./clock-schema.ts";
import { momentIn, seenFacts } from "./fact-view.ts";
import { ofType } from "./journal-view.ts";
import { JOURNAL_RESOLUTION_US } from "./marks.ts";
import { takeover } from "./segments.ts";
import type { StepRun } from "./step-runs.ts";
import { waived } from "./step-runs.ts";
import { momentOf, type Moment, type Timeline } from "./timeline.ts";

/** Begin of the `return` phase to the end of its last step. */
export function failback(records: readonly Recorded[], runs: readonly StepRun[], timeline: Timeline): Duration {
  const own = runs.filter(({ step }) => step.phase === "return");
  if (own.length === 0) return { status: "not_applicable", reason: "the playbook has no return phase" };
  const begun = ofType(records, "phase.begun").find(({ data }) => data.phase === "return");
  if (begun === undefined) return unknown("the drill stopped before the return phase");
  const undone = own.find((run) => run.step.required && run.outcome !== "succeeded" && !waived(run, runs));
  if (undone !== undefined) return unknown(`required step '${undone.step.id}' did not succeed`);
  const ends = own.flatMap(({ end }) => (end === null ? [] : [end])).toSorted((a, b) => a.seq - b.seq);
  const last = ends.at(-1);
  if (last === undefined) return unknown("none of its steps ended");
  return timeline.between(momentOf(begun, JOURNAL_RESOLUTION_US), momentOf(last, JOURNAL_RESOLUTION_US));
}

const unknown = (reason: string): Duration => ({ status: "not_measured", reason });

/**
 * From T0 to the first standby that streams from the new primary: made again, or seen. One that was only seen may have
 * streamed at any time since T0.
 */
export function unprotected(plan: Plan, records: readonly Recorded[], t0: Moment | null, timeline: Timeline): Duration {
  const { promotion } = takeover(plan, records);
  if (promotion === null) return { status: "not_applicable", reason: "no standby took over" };
  if (t0 === null) return unknown("T0 was not set");
  const after = timeline.at(t0);
  const found = [...rebuilt(plan, records), ...seenStreaming(plan, records, promotion.seq, t0, timeline)]
    .filter((at) => timeline.at(at) >= after)
    .toSorted((a, b) => timeline.at(a) - timeline.at(b));
  const [first] = found;
  return first === undefined ? unknown("nothing streamed from the new primary") : timeline.between(t0, first);
}

function rebuilt(plan: Plan, records: readonly Recorded[]): readonly Moment[] {
  return seenFacts(plan, records, "rebuild").map((seen) =>
    momentIn(seen, seen.fact.streaming, seen.fact.streaming.resolutionUs),
  );
}

function seenStreaming(
  plan: Plan,
  records: readonly Recorded[],
  promotedSeq: number,
  t0: Moment,
  timeline: Timeline,
): readonly Moment[] {
  return seenFacts(plan, records, "replication")
    .filter(({ seq, fact }) => seq > promotedSeq && fact.primary !== null)
    .filter(({ fact }) => fact.standbys.some(({ streaming }) => streaming))
    .map((seen) => {
      const at = momentIn(seen, seen.fact.at);
      return { ...at, resolutionUs: Math.max(0, timeline.at(at) - timeline.at(t0)) };
    });
}
