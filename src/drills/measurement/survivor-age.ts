import { formatInterval } from "../../support/format.ts";
import type { Age } from "./clock-schema.ts";
import type { SeenFact } from "./fact-view.ts";
import { age, SKEW_NOTE } from "./age.ts";
import type { Observed } from "./observed-schema.ts";
import type { Moment } from "./timeline.ts";

/** The youngest of what survived counts: the canary's own, or else what a heartbeat or a query left. */
export function newestSurvivorAge(
  observed: Observed,
  canary: SeenFact<"canary_loss"> | null,
  t0: Moment,
  wallUncertaintyUs: number,
): Age {
  const row = rowAge(observed, t0, wallUncertaintyUs);
  const marker = canary === null ? null : canaryAge(canary, t0);
  if (marker?.status !== "measured") return row;
  return row.status === "measured" && row.valueUs < marker.valueUs ? row : marker;
}

/**
 * By one monotonic clock. It is as short as the first acknowledgement after the survivor allows: where none came, the writers
 * were silent, and the loss may be nothing.
 */
function canaryAge({ fact, boot }: SeenFact<"canary_loss">, t0: Moment): Age | null {
  const { newestSurvivor: survivor, newestBeforeT0, lost } = fact;
  if (survivor === null || t0.boot !== boot || survivor.monoUs > t0.monoUs) return null;
  const later = [lost?.first ?? null, newestBeforeT0].filter((each) => each !== null && each.monoUs > survivor.monoUs);
  const next = later[0] ?? null;
  const valueUs = t0.monoUs - survivor.monoUs;
  const sinceNextUs = next === null ? 0 : t0.monoUs - t0.resolutionUs - next.monoUs;
  const interval = { valueUs, loUs: Math.min(valueUs, Math.max(0, sinceNextUs)), hiUs: valueUs };
  const notes = ["with idle writers it is longer than the loss, by the length of the silence"];
  const source = "canary: newest acknowledged transaction that survived";
  return { status: "measured", ...interval, text: formatInterval(interval), basis: "measured", source, notes };
}

/**
 * The newest beat or row in the copy. A heartbeat proves the loss is less than one interval shorter than its age: the next
 * beat, one interval later, is not there. A query proves only that nothing newer is in that table.
 */
export function rowAge(observed: Observed, t0: Moment | null, wallUncertaintyUs: number): Age {
  if (t0 === null) return { status: "not_measured", reason: "T0 was not set" };
  const beats = observed.survivors.filter((survivor) => survivor.via === "heartbeat");
  const candidates = beats.length > 0 ? beats : observed.survivors;
  const newest = candidates.toSorted((a, b) => b.newestWallUs - a.newestWallUs).at(0);
  if (newest === undefined)
    return { status: "not_measured", reason: "no heartbeat and no `newest:` query was read from the copy" };
  return age({
    t0,
    newestWallUs: newest.newestWallUs,
    earlierUs: newest.intervalUs ?? 0,
    wallUncertaintyUs,
    basis: newest.via === "heartbeat" && newest.intervalUs !== null ? "measured" : "estimate",
    source: `${newest.via}: ${newest.what}`,
    notes:
      newest.via === "query" ? [SKEW_NOTE, "an idle table makes it longer by the length of the silence"] : [SKEW_NOTE],
  });
}
