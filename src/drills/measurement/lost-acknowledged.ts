import {
  formatCount,
  formatDurationUs,
  formatInterval,
  formatWallSpanUs,
  type IntervalUs,
} from "../../support/format.ts";
import type { CanaryLoss } from "../facts.ts";
import type { Age } from "./clock-schema.ts";
import type { SeenFact } from "./fact-view.ts";
import type { Loss } from "./loss-schema.ts";
import type { Moment } from "./timeline.ts";

/**
 * Job: what clients were told is safe and is gone, by the ledger of the canary.
 * 1. Without a final reading after the recovery there is no number.
 * 2. Nothing lost is a zero only where a transaction was acknowledged inside the last interval before T0: a writer that was
 *    silent has nothing to lose.
 * 3. As time, the loss lies between the acknowledgements around its begin and T0, all by one monotonic clock.
 */

/** Timers of the writers may fire so late. */
const TIMERS_US = 10_000;

type Lost = Loss["lostAcknowledged"];
type MeasuredLost = Extract<Lost, { readonly status: "measured" }>;

export interface CanaryReading {
  /** Writers ran. */
  readonly traffic: boolean;
  /** The last reading after the recovery. */
  readonly last: SeenFact<"canary_loss"> | null;
}

export function lostAcknowledged({ traffic, last }: CanaryReading, t0: Moment | null): Lost {
  if (last !== null) return measuredLoss(last, t0);
  if (!traffic) return unknown("no canary wrote to the system during the drill");
  return unknown("there was no final reading: nobody looked for what the clients had been told is safe"); // 1
}

const unknown = (reason: string): { readonly status: "not_measured"; readonly reason: string } => ({
  status: "not_measured",
  reason,
});

function measuredLoss({ fact, boot }: SeenFact<"canary_loss">, t0: Moment | null): Lost {
  if (fact.lost === null) {
    const gap = silence(fact, boot, t0);
    if (gap !== null) return unknown(gap);
  }
  return {
    status: "measured",
    lost: fact.counts.lost,
    acknowledged: fact.counts.acknowledged,
    writers: fact.writers,
    counts: { ...fact.counts },
    gone: goneOf(fact),
    time: lossTime(fact, boot, t0),
    atLeastUs: fact.lost === null ? 0 : atLeastUs(fact.lost, boot, t0),
    text: sentence(fact),
  };
}

/** Why nothing lost does not mean that nothing was lost (2); null when it does. */
function silence(fact: CanaryLoss, boot: string, t0: Moment | null): string | null {
  const none = `none of ${formatCount(fact.counts.acknowledged)} is gone`;
  if (t0 === null) return `T0 was not set; ${none}`;
  if (t0.boot !== boot) return `${RESTARTED}; ${none}`;
  if (fact.newestBeforeT0 === null) return "no transaction was acknowledged before T0";
  const quietUs = t0.monoUs - fact.newestBeforeT0.monoUs;
  if (quietUs <= fact.intervalUs + fact.slowestAnswerUs + TIMERS_US + t0.resolutionUs) return null;
  const asked = `one was due every ${formatDurationUs(fact.intervalUs)}`;
  return `the writers were silent for ${formatDurationUs(quietUs)} before T0 (${asked}); ${none}, which says nothing of that time`;
}

const RESTARTED = "the machine was restarted between T0 and the final reading";

function goneOf({ lost }: CanaryLoss): MeasuredLost["gone"] {
  if (lost === null) return null;
  const { first, last, bytes, ranges, rangesInAll, file } = lost;
  return {
    first: { ...first },
    last: { ...last },
    spanUs: Math.max(0, last.monoUs - first.monoUs),
    bytes,
    ranges: ranges.map((range) => ({ ...range })),
    rangesInAll,
    file,
  };
}

function sentence({ counts, lost, writers }: CanaryLoss): string {
  const all = formatCount(counts.acknowledged);
  if (lost === null) return `0 of ${all} acknowledged transactions lost`;
  const by = `${writers} ${writers === 1 ? "writer" : "writers"}`;
  const span = formatWallSpanUs(lost.first.wallUs, lost.last.wallUs);
  return `acknowledged writes from ${span} are gone (${formatCount(counts.lost)} of ${all}, ${by})`;
}

type Gone = NonNullable<CanaryLoss["lost"]>;

/** A loss takes some time, also where one single transaction is gone. */
function atLeastUs({ first, last }: Gone, boot: string, t0: Moment | null): number | null {
  if (t0 === null || t0.boot !== boot) return null;
  return Math.max(1, Math.max(t0.monoUs - t0.resolutionUs, last.monoUs) - first.monoUs);
}

/** 3. A server that went on acknowledging after T0 lost that too: the end is the later of T0 and the last lost one. */
function lossTime(fact: CanaryLoss, boot: string, t0: Moment | null): Age {
  if (t0 === null) return unknown("T0 was not set");
  if (t0.boot !== boot) return unknown(RESTARTED);
  if (fact.lost === null) return nothingLost(fact, t0);
  const { first, last } = fact.lost;
  const loUs = atLeastUs(fact.lost, boot, t0) ?? 1;
  if (fact.survivorBeforeLoss === null) {
    const why = "nothing acknowledged before the first lost one survived, so how far back it goes cannot be told";
    return unknown(`at least ${formatDurationUs(loUs)}: ${why}`);
  }
  const endUs = Math.max(t0.monoUs, last.monoUs);
  const valueUs = Math.max(loUs, endUs - first.monoUs);
  const interval = { valueUs, loUs, hiUs: Math.max(valueUs, endUs - fact.survivorBeforeLoss.monoUs) };
  return { ...measuredAge(interval, fact), notes: ["from the acknowledgements, as the writers received them"] };
}

function nothingLost(fact: CanaryLoss, t0: Moment): Age {
  const newest = fact.newestBeforeT0 === null ? 0 : t0.monoUs - fact.newestBeforeT0.monoUs;
  const note = `the newest acknowledgement came ${formatDurationUs(newest)} before T0, and all that was acknowledged is there`;
  return { ...measuredAge({ valueUs: 0, loUs: 0, hiUs: 0 }, fact), notes: [note] };
}

function measuredAge(interval: IntervalUs, { counts }: CanaryLoss) {
  const source = `ledger of the canary: ${formatCount(counts.lost)} of ${formatCount(counts.acknowledged)} acknowledged are gone`;
  return { status: "measured", ...interval, text: formatInterval(interval), basis: "measured", source } as const;
}

/** What is there is not what was written: named, or null. */
export function integrityFault({ last }: CanaryReading): { readonly message: string; readonly step: string } | null {
  if (last === null) return null;
  const { altered, duplicated, phantom } = last.fact.counts;
  const faults = [
    ...(altered > 0 ? [`${formatCount(altered)} with another content`] : []),
    ...(duplicated > 0 ? [`${formatCount(duplicated)} more than once`] : []),
    ...(phantom > 0 ? [`${formatCount(phantom)} that nobody sent`] : []),
  ];
  if (faults.length === 0) return null;
  return { step: last.step, message: `what was recovered is not what was written: ${faults.join(", ")}` };
}
