import type { TrafficRef } from "../../drills/traffic-ref.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import { type Instant, instant } from "../../support/clock.ts";
import { printable } from "../../support/printable.ts";
import type { ProbeView, Traffic } from "../ports/traffic.ts";
import { endOf, type Outage } from "../traffic/running-traffic.ts";
import { watchProber } from "../traffic/watch-prober.ts";
import type { Held } from "./held.ts";

/** After the window's end the next good probe is waited for; a prober that has gone silent ends the wait earlier. */
const LAST_PROBE_MS = 20_000;

/**
 * The window as clients saw it: no probe failed in it, and they kept coming. Looks at what the prober has on record, so that
 * a stall of ours hides nothing. Throws `TRAFFIC_SILENT`.
 */
export async function holdByProber(
  traffic: Traffic,
  running: TrafficRef,
  forMs: number,
  ctx: StepContext,
): Promise<Held> {
  const beginUs = ctx.clock.monoUs();
  const endUs = beginUs + forMs * 1000;
  const first: { probes: number | null } = { probes: null };
  const before: { good: Instant | null } = { good: null };
  using watch = await traffic.watch(running);
  const over = (view: ProbeView): boolean => {
    first.probes ??= view.probes;
    if (outageSince(view, beginUs) !== null || isGoodAt(view, endUs)) return true;
    before.good = view.lastGood;
    return false;
  };
  const watched = await watchProber(watch, running, over, forMs + LAST_PROBE_MS, ctx);
  const probes = (watched.view?.probes ?? 0) - (first.probes ?? 0);
  const outage = watched.view === null ? null : outageSince(watched.view, beginUs);
  if (outage !== null) return unhealthy(outage.firstFailed, beginUs, probes, outage.reason);
  const last = watched.view?.lastGood ?? null;
  if (watched.kind === "over" || last === null)
    return unhealthy(instant(ctx.clock), beginUs, probes, "no good probe at the window's end");
  const sinceUs = before.good === null ? 0 : last.monoUs - before.good.monoUs;
  return { kind: "healthy", probes, last, resolutionUs: Math.max(running.probeIntervalUs, sinceUs) };
}

/** An outage of which a part lies in the window. */
function outageSince({ outage }: ProbeView, beginUs: number): Outage | null {
  if (outage === null) return null;
  const end = endOf(outage);
  return end === null || end.monoUs > beginUs ? outage : null;
}

function isGoodAt({ lastGood }: ProbeView, endUs: number): boolean {
  return lastGood !== null && lastGood.monoUs >= endUs;
}

/** `at` may lie before the window: an outage that was not over when it began. */
function unhealthy(at: Instant, beginUs: number, probes: number, reason: string): Held {
  const sinceBeginUs = Math.max(0, at.monoUs - beginUs);
  return { kind: "unhealthy", probes, at, sinceBeginUs, reason: printable(reason, 300) };
}
