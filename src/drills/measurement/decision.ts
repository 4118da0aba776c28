import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import { seenFacts } from "./fact-view.ts";
import { firstActionOf, ofType, recoveryEndSeq } from "./journal-view.ts";
import type { Moment } from "./timeline.ts";

/** A human answer is read from a file that somebody else writes. */
const ANSWER_RESOLUTION_US = 10_000;

interface Decision {
  readonly at: Moment;
  readonly note: string | null;
}

/**
 * The last agreement of a person after T0 and before the first recovery action: only then was it decided. Null: nobody was
 * asked, or only in the course of the recovery.
 */
export function decisionOf(plan: Plan, records: readonly Recorded[]): Decision | null {
  const t0 = ofType(records, "mark").find(({ data }) => data.mark === "T0");
  const end = Math.min(firstActionOf(plan, records)?.seq ?? Number.POSITIVE_INFINITY, recoveryEndSeq(records));
  const inTime = ({ seq }: { readonly seq: number }): boolean => t0 !== undefined && seq > t0.seq && seq < end;
  return (
    [...marked(records, inTime), ...agreed(plan, records, inTime)].toSorted((a, b) => a.seq - b.seq).at(-1) ?? null
  );
}

interface Found extends Decision {
  readonly seq: number;
}
type InTime = (record: { readonly seq: number }) => boolean;

function marked(records: readonly Recorded[], inTime: InTime): readonly Found[] {
  return ofType(records, "mark")
    .filter((record) => record.data.mark === "T2" && inTime(record))
    .map(({ seq, boot, data: { monoUs, wallUs, resolutionUs, note } }) => {
      return { seq, at: { boot, monoUs, wallUs, resolutionUs }, note };
    });
}

function agreed(plan: Plan, records: readonly Recorded[], inTime: InTime): readonly Found[] {
  return seenFacts(plan, records, "human_wait")
    .filter((seen) => seen.fact.decision === "approved" && inTime(seen))
    .map(({ seq, boot, fact: { to, who } }) => {
      const note = who === null ? "approved" : `approved by ${who}`;
      return { seq, at: { boot, ...to, resolutionUs: ANSWER_RESOLUTION_US }, note };
    });
}
