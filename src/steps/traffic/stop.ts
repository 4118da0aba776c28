import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { CanaryLoss, ClientOutages } from "../../drills/facts.ts";
import { StepError } from "../../drills/step-error.ts";
import type { TrafficRef } from "../../drills/traffic-ref.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { formatDurationUs } from "../../support/format.ts";
import type { Traffic } from "../ports/traffic.ts";
import { firstT0, requireTraffic } from "./running-traffic.ts";
import type { TrafficDeps } from "./start.ts";

const inputSchema = z.strictObject({
  within: durationMs().prefault("1m").describe("How long a server that takes writes is waited for. Default 1m."),
});

const count = (text: string) => z.int().describe(text);
const outputSchema = z.object({
  sent: count("Transactions that the writers sent."),
  acknowledged: count("Those that the server acknowledged."),
  unknown: count("Those whose connection died before an answer."),
  refused: count("Those that the server refused."),
  survived: count("Acknowledged and there."),
  lost: count("Acknowledged and gone."),
  lostRanges: count("Runs of consecutive lost ones of one writer."),
  recoveredUnknown: count("Unknown and there."),
  failed: count("Unknown or refused, and not there."),
  phantom: count("There and never sent."),
  duplicated: count("There more than once."),
  altered: count("There with another content."),
  gaps: count("Holes and swapped neighbours in the order of acknowledgement."),
  probes: count("Probes of the clients' path."),
  failedProbes: count("Those that failed."),
  outages: count("Runs of failed probes."),
});

const RETRY_MS = 100;

/** Stops the writers, reads back every transaction, and only then stops the prober. */
export function stopTrafficStep({ traffic }: TrafficDeps): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "traffic/stop",
    summary: "Stops the writers, looks for every acknowledged transaction, and says what clients saw.",
    role: "action",
    effect: "sandbox",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    // Before the hold window is over the prober is still needed.
    phases: ["verify", "return"],
    defaultTimeoutMs: 15 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      const running = requireTraffic(ctx);
      await traffic.stop(running, "writers", ctx.signal);
      const read = await settle(traffic, running, input.within, ctx);
      await traffic.stop(running, "all", ctx.signal);
      const outages = await traffic.outages(running);
      await ctx.fact({ kind: "client_outages", ...outages });
      // What clients saw is on record also when nothing could be read back.
      if (read.kind === "unread") throw read.error;
      await ctx.fact({ kind: "canary_loss", ...read.loss });
      return { kind: "done", outputs: outputsOf(read.loss, outages) };
    },
  });
}

type Settled =
  | { readonly kind: "read"; readonly loss: Omit<CanaryLoss, "kind"> }
  | { readonly kind: "unread"; readonly error: unknown };

/** Again and again while no server takes writes: a switch back may be under way. Rejects only when the step is stopped. */
async function settle(traffic: Traffic, running: TrafficRef, withinMs: number, ctx: StepContext): Promise<Settled> {
  const endUs = ctx.clock.monoUs() + withinMs * 1000;
  const t0 = firstT0(ctx);
  for (;;) {
    try {
      return { kind: "read", loss: await traffic.settle(running, t0, ctx.signal) };
    } catch (error) {
      ctx.signal.throwIfAborted();
      if (!mayPass(error)) return { kind: "unread", error };
      if (ctx.clock.monoUs() >= endUs) return { kind: "unread", error: notRead(error, withinMs) };
    }
    await delay(RETRY_MS, undefined, { signal: ctx.signal });
  }
}

function mayPass(error: unknown): error is StepError {
  return error instanceof StepError && (error.class === "transient" || error.class === "timeout");
}

function notRead(cause: StepError, withinMs: number): StepError {
  const limit = formatDurationUs(withinMs * 1000);
  return new StepError(
    "subject",
    "CANARY_NOT_READ",
    `the transactions could not be read back within ${limit}: ${cause.message}`,
    {
      hint: "no final reading, no number: the loss is not measured. Which server takes writes on the clients' path?",
      cause,
    },
  );
}

function outputsOf(
  loss: Omit<CanaryLoss, "kind">,
  outages: Omit<ClientOutages, "kind">,
): z.output<typeof outputSchema> {
  return {
    ...loss.counts,
    lostRanges: loss.lost?.rangesInAll ?? 0,
    gaps: loss.gaps,
    probes: outages.probes,
    failedProbes: outages.failed,
    outages: outages.outagesInAll,
  };
}
