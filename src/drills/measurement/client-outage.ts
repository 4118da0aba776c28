import { formatDurationUs } from "../../support/format.ts";
import type { ClientOutage, ClientOutages } from "../facts.ts";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import type { Duration } from "./clock-schema.ts";
import { momentIn, type SeenFact, seenFacts } from "./fact-view.ts";
import { measured, type Moment } from "./timeline.ts";

/**
 * Job: what the prober on the clients' path saw of the disaster. All of its instants are of one process, so differences
 * between them are of one monotonic clock.
 * 1. The outage of the disaster is the first one that was not over when T0 came.
 * 2. A prober that was silent, or did not watch at T0, saw nothing: that is no outage of nothing.
 */

interface ClientView {
  /** Traffic ran. */
  readonly watched: boolean;
  readonly last: SeenFact<"client_outages"> | null;
  /** Addresses on the path: a probe may try each. */
  readonly hosts: number;
}

export function clientView(plan: Plan, records: readonly Recorded[]): ClientView {
  const traffic = seenFacts(plan, records, "traffic").at(-1);
  const last = seenFacts(plan, records, "client_outages").at(-1) ?? null;
  return { watched: traffic !== undefined || last !== null, last, hosts: traffic?.fact.traffic.path.hosts.length ?? 1 };
}

export function outageClient(view: ClientView, t0: Moment | null): Duration {
  if (!view.watched) return { status: "not_applicable", reason: "no prober ran on a client's path" };
  if (view.last === null) return unknown("the prober's log was not read");
  if (t0 === null) return unknown("T0 was not set");
  if (view.last.boot !== t0.boot) return unknown("the machine was restarted after T0");
  const { fact } = view.last;
  if (fact.probes === 0 || fact.watchedFrom.monoUs > t0.monoUs) return unknown("the prober did not watch when T0 came"); // 2
  const outage = outageAt(fact, t0);
  return outage === undefined ? noneSeen(fact, t0) : lengthOf(outage, fact, view.hosts);
}

const unknown = (reason: string): Duration => ({ status: "not_measured", reason });

/** 1. What failed within one probe of T0's earliest instant may have been its doing. */
function outageAt(fact: ClientOutages, t0: Moment): ClientOutage | undefined {
  const earliestUs = t0.monoUs - t0.resolutionUs - fact.probeIntervalUs;
  return fact.outages.find(
    ({ firstFailed, firstWrite }) =>
      firstFailed.monoUs >= earliestUs || firstWrite === null || firstWrite.monoUs > t0.monoUs,
  );
}

/** 2. Probes come as often as they did on the average; what lies between two of them is not seen. */
function noneSeen(fact: ClientOutages, t0: Moment): Duration {
  if (fact.outagesInAll > fact.outages.length) return unknown("not every outage that the prober saw was kept");
  if (fact.watchedTo.monoUs <= t0.monoUs) return unknown("the prober did not watch after T0");
  const averageUs = Math.ceil((fact.watchedTo.monoUs - fact.watchedFrom.monoUs) / Math.max(1, fact.probes));
  const hiUs = Math.max(fact.probeIntervalUs, averageUs);
  const text = `none seen (< ${formatDurationUs(hiUs)})`;
  return { status: "measured", valueUs: 0, loUs: 0, hiUs, clockSuspect: false, text };
}

function lengthOf(
  { lastGood, firstFailed, lastFailed, firstWrite }: ClientOutage,
  fact: ClientOutages,
  hosts: number,
): Duration {
  if (lastGood === null) return unknown("no probe was good before the outage");
  const silentUs = firstFailed.monoUs - lastGood.monoUs;
  if (silentUs > longestProbeUs(fact, hosts)) {
    return unknown(`the prober was silent for ${formatDurationUs(silentUs)} before its first failure`);
  }
  if (firstWrite === null) {
    const lastedUs = Math.max(0, fact.watchedTo.monoUs - lastGood.monoUs);
    return unknown(`it never ended: no write was acknowledged for ${formatDurationUs(lastedUs)}`);
  }
  const valueUs = firstWrite.monoUs - lastGood.monoUs;
  if (valueUs < 0) return unknown("its end was recorded before its begin");
  const hiddenUs = hiddenBefore(silentUs, fact) + Math.max(fact.probeIntervalUs, firstWrite.monoUs - lastFailed.monoUs);
  return measured({ valueUs, loUs: Math.max(0, valueUs - hiddenUs), hiUs: valueUs });
}

/**
 * Somebody who asked more often could have seen it begin so much later: on a busy machine probes come later than asked for. What
 * an overdue answer was waited for is no such time: a client with the same deadlines waits as long.
 */
function hiddenBefore(silentUs: number, { probeIntervalUs, connectTimeoutUs, answerTimeoutUs }: ClientOutages): number {
  const waited = silentUs >= Math.min(connectTimeoutUs, answerTimeoutUs);
  return waited ? probeIntervalUs : Math.max(probeIntervalUs, silentUs);
}

/** What a machine under load may add to a probe. */
const GRACE_US = 1_000_000;

function longestProbeUs(fact: ClientOutages, hosts: number): number {
  return fact.probeIntervalUs + hosts * fact.connectTimeoutUs + 2 * fact.answerTimeoutUs + GRACE_US;
}

/** When clients noticed, or why that cannot be said. The instant lies after the last good probe. */
type Detection =
  | { readonly kind: "seen"; readonly at: Moment; readonly reason: string }
  | { readonly kind: "unseen"; readonly why: string };

export function detectionBy({ watched, last }: ClientView, t0: Moment | null): Detection {
  if (!watched) return unseen("no prober watched the client's path");
  if (last === null) return unseen("the prober's log was not read");
  if (t0 === null) return unseen("T0 was not set");
  if (last.boot !== t0.boot) return unseen("the machine was restarted after T0");
  const outage = outageAt(last.fact, t0);
  if (outage === undefined) return unseen("no probe failed after T0");
  if (outage.firstFailed.monoUs < t0.monoUs - t0.resolutionUs) return unseen("clients were cut off before T0 already");
  const before = outage.lastGood ?? last.fact.watchedFrom;
  const resolutionUs = Math.max(0, outage.firstFailed.monoUs - before.monoUs);
  const at = momentIn(last, outage.firstFailed, resolutionUs);
  return { kind: "seen", at: notBefore(t0, at), reason: outage.reason };
}

/** T0 may have been up to its resolution earlier than its value; a failure in that time is put at the value. */
function notBefore(t0: Moment, at: Moment): Moment {
  const shiftUs = Math.max(0, t0.monoUs - at.monoUs);
  const resolutionUs = at.resolutionUs + shiftUs;
  return { boot: at.boot, monoUs: at.monoUs + shiftUs, wallUs: at.wallUs + shiftUs, resolutionUs };
}

const unseen = (why: string): Detection => ({ kind: "unseen", why });
