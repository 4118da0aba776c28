import { z } from "zod";
import type { MarkRecord } from "../../drills/run-event.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { formatDurationUs, formatWallUs } from "../../support/format.ts";
import { printable } from "../../support/printable.ts";
import type { ProbeView } from "../ports/traffic.ts";
import { beganAfter, endOf, notBefore, type Outage, requireDisaster, requireTraffic } from "./running-traffic.ts";
import type { TrafficDeps } from "./start.ts";
import { watchProber } from "./watch-prober.ts";
import { timeoutFor } from "../timeout-for.ts";

const WITHIN_MS = 60_000;

const inputSchema = z.strictObject({
  failures: z
    .int()
    .min(1)
    .max(10_000)
    .default(3)
    .describe("Failed probes in a row that count as an outage. Default 3."),
  for: durationMs({ zero: true }).prefault("0s").describe("How long it must last to count. Default 0s."),
  within: durationMs().prefault("1m").describe("Longest wait for the outage. Default 1m."),
});

const outputSchema = z.object({
  firstFailedAt: z.string().describe("When the first probe failed, UTC, with microseconds."),
  failures: z.int().describe("Failed probes in a row when it was decided."),
  reason: z.string().describe("Why the first one failed."),
});

type Input = z.output<typeof inputSchema>;
/** An outage that has a good probe before it. */
type Detected = Outage & { readonly lastGood: NonNullable<Outage["lastGood"]> };

const MAX_REASON = 300;

/** Sets T1 to the first failed probe, however long it takes to be sure of it: that is the decision's time. */
export function detectOutageStep({ traffic }: TrafficDeps): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "traffic/detect",
    summary: "Waits until clients see the outage, and sets T1 to the first probe that failed.",
    role: "action",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    phases: ["disaster", "recover"],
    // A guard only: `within` ends the wait.
    defaultTimeoutMs: 24 * 60 * 60_000,
    timeoutFor: timeoutFor(["within"], WITHIN_MS),
    needsSystem: false,
    async run(input, ctx) {
      const running = requireTraffic(ctx);
      const t0 = requireDisaster(ctx);
      using watch = await traffic.watch(running);
      const find = (view: ProbeView): Detected | null => detected(view, t0, input);
      const watched = await watchProber(watch, running, (view) => find(view) !== null, input.within, ctx);
      const outage = watched.kind === "seen" ? find(watched.view) : null;
      if (outage === null) throw noOutage(watched.view, t0, input);
      const { firstFailed, lastGood, failures } = outage;
      const reason = printable(outage.reason, MAX_REASON);
      const at = notBefore(t0, firstFailed, firstFailed.monoUs - lastGood.monoUs);
      await ctx.mark({ mark: "T1", ...at, source: "prober", note: reason });
      const outputs = { firstFailedAt: formatWallUs(firstFailed.wallUs, 6), failures, reason };
      return { kind: "done", outputs };
    },
  });
}

function detected({ outage, heardAt }: ProbeView, t0: MarkRecord, input: Input): Detected | null {
  if (outage === null || outage.failures < input.failures || !beganAfter(t0, outage)) return null;
  const { lastGood } = outage;
  // While it goes on it is known to last up to the prober's last word.
  const untilUs = (endOf(outage) ?? heardAt ?? outage.firstFailed).monoUs;
  const lastedUs = untilUs - outage.firstFailed.monoUs;
  return lastGood === null || lastedUs < input.for * 1000 ? null : { ...outage, lastGood };
}

function noOutage(view: ProbeView | null, t0: MarkRecord, input: Input): StepError {
  const limit = formatDurationUs(input.within * 1000);
  return new StepError("permanent", "NO_OUTAGE", `clients saw no outage within ${limit}: ${seen(view, t0, input)}`, {
    hint: "was the fault put in, and does the clients' path lead to what it broke?",
  });
}

function seen(view: ProbeView | null, t0: MarkRecord, input: Input): string {
  const outage = view?.outage ?? null;
  if (outage === null) return `all of ${view?.probes ?? 0} probes were good`;
  if (!beganAfter(t0, outage)) {
    return endOf(outage) === null
      ? "one that began before T0 goes on, which the disaster cannot have caused"
      : "no probe has failed since T0";
  }
  if (outage.lastGood === null) return "no probe was good before it";
  const end = endOf(outage)?.monoUs;
  const lasted = end === undefined ? "" : `, for ${formatDurationUs(end - outage.firstFailed.monoUs)}`;
  const wanted = input.for === 0 ? "" : `, for ${formatDurationUs(input.for * 1000)}`;
  return `${outage.failures} failed in a row${lasted}, expected ${input.failures}${wanted}`;
}
