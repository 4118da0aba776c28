import { z } from "zod";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import { durationSchema, microseconds } from "./clock-schema.ts";
import type { Duration } from "./clock-schema.ts";
import { momentIn, type SeenFact, seenFacts } from "./fact-view.ts";
import { recoveryEndSeq } from "./journal-view.ts";
import type { Marks } from "./marks.ts";
import type { Moment, Timeline } from "./timeline.ts";

/**
 * Job: what the time from T0 to the first write is made of, one segment after the other.
 * 1. The segments follow each other without a gap: their values add up to the whole.
 * 2. What came later than what should have followed it was not waited for, and is no segment: a decision that did not wait
 *    for the detection.
 * 3. A write comes after the promotion: a promotion that was noticed after the first write, as its resolution allows, was
 *    over by then.
 */

const POINTS = ["T0", "T1", "T2", "T3", "fenced", "asked", "promoted", "T5"] as const;
type Point = (typeof POINTS)[number];

/** By the point that a segment ends with. */
const NAMES = {
  T1: "detection",
  T2: "decision",
  T3: "start",
  fenced: "fencing",
  asked: "choice",
  promoted: "promotion",
  T5: "first_write",
} as const satisfies Readonly<Record<Exclude<Point, "T0">, string>>;

export const segmentSchema = z.object({
  name: z.enum(["detection", "decision", "start", "fencing", "choice", "promotion", "first_write"]),
  from: z.enum(POINTS),
  to: z.enum(POINTS),
  atUs: microseconds.describe("Where it begins, on the run's time line."),
  duration: durationSchema,
});
type Segment = Readonly<z.infer<typeof segmentSchema>>;

interface Place {
  readonly point: Point;
  readonly moment: Moment;
}

/** Empty where no standby took over. */
export function segmentsOf(
  plan: Plan,
  records: readonly Recorded[],
  marks: Marks,
  timeline: Timeline,
): readonly Segment[] {
  const { fencing, promotion } = takeover(plan, records);
  if (promotion === null || marks.T0.moment === null) return [];
  const { asked, promoted, resolutionUs } = promotion.fact;
  const moments: Readonly<Record<Point, Moment | null>> = {
    T0: marks.T0.moment,
    T1: marks.T1.moment,
    T2: marks.T2.moment,
    T3: marks.T3.moment,
    fenced: fencing === null ? null : momentIn(fencing, fencing.fact.at),
    asked: momentIn(promotion, asked),
    promoted: momentIn(promotion, promoted, resolutionUs),
    T5: marks.T5.moment,
  };
  const places = POINTS.flatMap((point): Place[] => {
    const moment = moments[point];
    return moment === null ? [] : [{ point, moment }];
  });
  return inOrder(places, timeline).flatMap((place, index, all) => segmentTo(place, all[index - 1], timeline));
}

/** The fence and the promotion of the recovery; a switch back later is another story. */
export function takeover(
  plan: Plan,
  records: readonly Recorded[],
): { readonly fencing: SeenFact<"fencing"> | null; readonly promotion: SeenFact<"promotion"> | null } {
  const end = recoveryEndSeq(records);
  return {
    fencing: seenFacts(plan, records, "fencing").findLast(({ seq }) => seq < end) ?? null,
    promotion: seenFacts(plan, records, "promotion").findLast(({ seq }) => seq < end) ?? null,
  };
}

/** From the end: a place later than the one kept after it is dropped (2), but for the promotion (3). */
function inOrder(places: readonly Place[], timeline: Timeline): readonly Place[] {
  const kept: Place[] = [];
  for (const place of places.toReversed()) {
    const [next] = kept;
    const lateUs = next === undefined ? 0 : timeline.at(place.moment) - timeline.at(next.moment);
    if (lateUs <= 0) kept.unshift(place);
    else if (place.point === "promoted" && lateUs <= place.moment.resolutionUs)
      kept.unshift({ ...place, moment: earlier(place.moment, lateUs) });
  }
  return kept[0]?.point === "T0" ? kept : [];
}

function earlier({ boot, monoUs, wallUs, resolutionUs }: Moment, byUs: number): Moment {
  return { boot, monoUs: monoUs - byUs, wallUs: wallUs - byUs, resolutionUs: resolutionUs - byUs };
}

/** 1. */
function segmentTo(place: Place, before: Place | undefined, timeline: Timeline): readonly Segment[] {
  if (before === undefined || place.point === "T0") return [];
  const duration: Duration = timeline.between(before.moment, place.moment);
  const { point: from } = before;
  return [{ name: NAMES[place.point], from, to: place.point, atUs: timeline.at(before.moment), duration }];
}
