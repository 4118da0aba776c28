import { StepError } from "../../drills/step-error.ts";
import type { TrafficRef } from "../../drills/traffic-ref.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import type { Clock } from "../../support/clock.ts";
import { formatDurationUs } from "../../support/format.ts";
import type { ProbeView, TrafficWatch } from "../ports/traffic.ts";
import { deadlineAfter } from "../../support/deadline.ts";

export type Watched =
  | { readonly kind: "seen"; readonly view: ProbeView }
  /** It was not seen in time; `view` is the last one there was. */
  | { readonly kind: "over"; readonly view: ProbeView | null };

/** Beyond what a probe may take a machine under load is given so long. */
const SILENCE_GRACE_US = 1_000_000;
/** A view of a log that has just come in by many lines may be old: only one that stays the same so long tells of silence. */
const UNCHANGED_US = 200_000;

/**
 * Waits for a view of the prober's log. Throws `TRAFFIC_SILENT` when the prober is not heard any more: what nobody looked at
 * neither failed nor held.
 */
export async function watchProber(
  watch: TrafficWatch,
  traffic: TrafficRef,
  seen: (view: ProbeView) => boolean,
  withinMs: number,
  ctx: StepContext,
): Promise<Watched> {
  const limitUs = traffic.connectTimeoutUs + traffic.answerTimeoutUs + SILENCE_GRACE_US;
  const isSilent = silence(limitUs, ctx.clock);
  const last: { view: ProbeView | null; met: boolean } = { view: null, met: false };
  const over = (view: ProbeView): boolean => {
    last.view = view;
    last.met = seen(view);
    return last.met || isSilent(view);
  };
  const deadline = deadlineAfter(withinMs);
  try {
    const view = await watch.until(over, AbortSignal.any([ctx.signal, deadline]));
    if (last.met) return { kind: "seen", view };
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (deadline.aborted) return { kind: "over", view: last.view };
    throw error;
  }
  throw silent(last.view, limitUs);
}

/** Whether the prober was last heard too long ago; a prober that never was, from now on. */
function silence(limitUs: number, clock: Clock): (view: ProbeView) => boolean {
  const begunUs = clock.monoUs();
  const same = { heardUs: Number.NaN, sinceUs: begunUs };
  return ({ heardAt }) => {
    const nowUs = clock.monoUs();
    const heardUs = heardAt?.monoUs ?? begunUs;
    if (heardUs !== same.heardUs) Object.assign(same, { heardUs, sinceUs: nowUs });
    return nowUs - heardUs > limitUs && nowUs - same.sinceUs > UNCHANGED_US;
  };
}

function silent(view: ProbeView | null, limitUs: number): StepError {
  const probes = view === null ? "" : ` after ${view.probes} probes`;
  return new StepError(
    "permanent",
    "TRAFFIC_SILENT",
    `the prober was not heard for more than ${formatDurationUs(limitUs)}${probes}`,
    { hint: "was it stopped (traffic/stop, its ttl), or is the machine overloaded? Its log is in the run's folder" },
  );
}
