import type { MarkRecord } from "../../drills/run-event.ts";
import { StepError } from "../../drills/step-error.ts";
import type { TrafficRef } from "../../drills/traffic-ref.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import type { Instant } from "../../support/clock.ts";
import type { ProbeView } from "../ports/traffic.ts";

/** The run's traffic. Throws `TRAFFIC_NONE`. */
export function requireTraffic(ctx: StepContext): TrafficRef {
  const traffic = ctx.traffic();
  if (traffic !== null) return traffic;
  throw new StepError("permanent", "TRAFFIC_NONE", "no traffic was started, so nobody watches the clients' path", {
    hint: "put traffic/start into prepare",
  });
}

/** The first T0 counts, as in the measurement. Throws `TRAFFIC_NO_T0`: without it no outage can be told from an older one. */
export function requireDisaster(ctx: StepContext): MarkRecord {
  const t0 = firstT0(ctx);
  if (t0 !== null) return t0;
  throw new StepError("permanent", "TRAFFIC_NO_T0", "no step has set T0, so nothing can be said to have followed it", {
    hint: "put a fault, or disaster/declare, before this step into the disaster phase",
  });
}

export function firstT0(ctx: StepContext): MarkRecord | null {
  return ctx.marks().find(({ mark }) => mark === "T0") ?? null;
}

export type Outage = NonNullable<ProbeView["outage"]>;

/** The disaster lies in [value - resolution, value]: what began before that has another cause. */
export function beganAfter(t0: MarkRecord, outage: Outage): boolean {
  return outage.firstFailed.monoUs >= t0.monoUs - t0.resolutionUs;
}

/** Null while it lasts: clients need both. */
export function endOf({ firstRead, firstWrite }: Outage): Instant | null {
  if (firstRead === null || firstWrite === null) return null;
  return firstRead.monoUs > firstWrite.monoUs ? firstRead : firstWrite;
}

/** An instant that what happens lies in [at - resolution, at] of, moved so that it does not stand before T0. */
export function notBefore(
  t0: MarkRecord,
  at: Instant,
  resolutionUs: number,
): Instant & { readonly resolutionUs: number } {
  const shiftUs = Math.max(0, t0.monoUs - at.monoUs);
  return { wallUs: at.wallUs + shiftUs, monoUs: at.monoUs + shiftUs, resolutionUs: resolutionUs + shiftUs };
}
