import type { AcknowledgedMarker, CanaryLoss } from "../drills/facts.ts";
import type { Instant } from "../support/clock.ts";
import type { Ledger } from "./ledger.ts";
import { classOf, type MarkerClass } from "./marker-class.ts";
import { ACKED, type Markers, REFUSED } from "./markers.ts";

/** Consecutive numbers of one writer that were acknowledged and are gone. */
export interface LostRange {
  readonly writer: number;
  readonly from: number;
  readonly to: number;
  readonly firstAckedUs: number;
  readonly lastAckedUs: number;
}

export type Loss = Pick<
  CanaryLoss,
  "counts" | "survivorBeforeLoss" | "newestBeforeT0" | "newestSurvivor" | "slowestAnswerUs" | "gaps" | "load"
> & {
  readonly lost: {
    readonly first: AcknowledgedMarker;
    readonly last: AcknowledgedMarker;
    readonly bytes: number;
  } | null;
  readonly ranges: readonly LostRange[];
};

export interface LossQuestion {
  readonly ledger: Ledger;
  /** Rows that nobody sent. */
  readonly phantom: number;
  readonly t0: Instant | null;
  readonly payloadBytes: number;
  /** Stands for the slowest answer when there was none. */
  readonly answerTimeoutUs: number;
}

/** Every marker in its class, and where the loss lies. Times are compared by the monotonic clock of this boot. */
export function lossOf({ ledger, phantom, t0, payloadBytes, answerTimeoutUs }: LossQuestion): Loss {
  const t0Us = t0?.monoUs ?? null;
  const tally = new Tally(ledger);
  for (const markers of ledger.markers) tally.classify(markers);
  const { first, last } = tally;
  const lost = first === null || last === null ? null : { first, last, bytes: tally.counts.lost * payloadBytes };
  const beforeT0 = (atUs: number): boolean => t0Us !== null && atUs <= t0Us;
  return {
    counts: { ...tally.counts, phantom },
    lost,
    ranges: tally.ranges,
    survivorBeforeLoss: lost === null ? null : newest(ledger, "survived", (atUs) => atUs < lost.first.monoUs),
    newestBeforeT0: newest(ledger, null, beforeT0),
    newestSurvivor: newest(ledger, "survived", beforeT0),
    slowestAnswerUs: slowestAnswer(ledger, t0Us) ?? answerTimeoutUs,
    gaps: ledger.gaps,
    load: loadOf(ledger, t0Us, payloadBytes),
  };
}

function classAt(markers: Markers, index: number): MarkerClass {
  return classOf(markers.state(index), markers.timesFound(index), markers.isAltered(index));
}

function markerAt(ledger: Ledger, markers: Markers, index: number): AcknowledgedMarker {
  const at = ledger.wall.at(markers.answeredUs(index));
  return { writer: markers.writer, seq: markers.first + index, ...at };
}

class Tally {
  readonly counts = {
    sent: 0,
    acknowledged: 0,
    unknown: 0,
    refused: 0,
    survived: 0,
    lost: 0,
    recoveredUnknown: 0,
    failed: 0,
    duplicated: 0,
    altered: 0,
  };
  readonly ranges: LostRange[] = [];
  first: AcknowledgedMarker | null = null;
  last: AcknowledgedMarker | null = null;
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  classify(markers: Markers): void {
    let range: LostRange | null = null;
    for (let index = 0; index < markers.length; index += 1) {
      const kind = classAt(markers, index);
      this.counts.sent += 1;
      this.counts[answerCount(markers, index)] += 1;
      this.counts[kind] += 1;
      if (kind === "lost") range = this.#lost(markers, index, range);
      else range = this.#close(range);
    }
    this.#close(range);
  }

  #lost(markers: Markers, index: number, range: LostRange | null): LostRange {
    const atUs = markers.answeredUs(index);
    const seq = markers.first + index;
    if (this.first === null || atUs < this.first.monoUs) this.first = markerAt(this.#ledger, markers, index);
    if (this.last === null || atUs >= this.last.monoUs) this.last = markerAt(this.#ledger, markers, index);
    if (range !== null) return { ...range, to: seq, lastAckedUs: atUs };
    return { writer: markers.writer, from: seq, to: seq, firstAckedUs: atUs, lastAckedUs: atUs };
  }

  #close(range: LostRange | null): null {
    if (range !== null) this.ranges.push(range);
    return null;
  }
}

function answerCount(markers: Markers, index: number): "acknowledged" | "refused" | "unknown" {
  const state = markers.state(index);
  if (state === ACKED) return "acknowledged";
  return state === REFUSED ? "refused" : "unknown";
}

/** The acknowledged marker with the latest acknowledgement among those of a class (null: any) and time. */
function newest(
  ledger: Ledger,
  kind: MarkerClass | null,
  counts: (answeredUs: number) => boolean,
): AcknowledgedMarker | null {
  let best: { readonly markers: Markers; readonly index: number } | null = null;
  for (const markers of ledger.markers) {
    const index = newestOf(markers, kind, counts);
    if (index === null) continue;
    if (best === null || markers.answeredUs(index) > best.markers.answeredUs(best.index)) best = { markers, index };
  }
  return best === null ? null : markerAt(ledger, best.markers, best.index);
}

/** A writer has one marker under way at a time: later numbers were answered later. */
function newestOf(markers: Markers, kind: MarkerClass | null, counts: (answeredUs: number) => boolean): number | null {
  for (let index = markers.length - 1; index >= 0; index -= 1) {
    if (markers.state(index) !== ACKED || !counts(markers.answeredUs(index))) continue;
    if (kind === null || classAt(markers, index) === kind) return index;
  }
  return null;
}

const ANSWERS_LOOKED_AT = 100;

/** Null: no answer. Of the last 100 before T0, or of all when T0 was not set. */
function slowestAnswer({ markers: all }: Ledger, t0Us: number | null): number | null {
  const answers: { readonly atUs: number; readonly tookUs: number }[] = [];
  for (const markers of all) {
    let taken = 0;
    for (let index = markers.length - 1; index >= 0 && taken < ANSWERS_LOOKED_AT; index -= 1) {
      const atUs = markers.answeredUs(index);
      if (markers.state(index) !== ACKED || (t0Us !== null && atUs > t0Us)) continue;
      answers.push({ atUs, tookUs: atUs - markers.sentUs(index) });
      taken += 1;
    }
  }
  if (answers.length === 0) return null;
  const last = answers.toSorted((a, b) => b.atUs - a.atUs).slice(0, ANSWERS_LOOKED_AT);
  return Math.max(...last.map(({ tookUs }) => tookUs));
}

/** From the first acknowledgement to T0, or to the last one when T0 was not set. */
function loadOf(
  { markers: all }: Ledger,
  t0Us: number | null,
  payloadBytes: number,
): { readonly transactionsPerSecond: number; readonly bytesPerSecond: number } {
  let firstUs = Number.POSITIVE_INFINITY;
  let lastUs = 0;
  let acked = 0;
  for (const markers of all) {
    for (let index = 0; index < markers.length; index += 1) {
      const atUs = markers.answeredUs(index);
      if (markers.state(index) !== ACKED || (t0Us !== null && atUs > t0Us)) continue;
      acked += 1;
      firstUs = Math.min(firstUs, atUs);
      lastUs = Math.max(lastUs, atUs);
    }
  }
  if (acked < 2 || lastUs <= firstUs) return { transactionsPerSecond: 0, bytesPerSecond: 0 };
  // As many intervals as there are markers, less one.
  const perSecond = ((acked - 1) * 1_000_000) / (lastUs - firstUs);
  return { transactionsPerSecond: Math.round(perSecond), bytesPerSecond: Math.round(perSecond * payloadBytes) };
}
