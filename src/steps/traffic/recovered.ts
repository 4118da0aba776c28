import { z } from "zod";
import type { MarkRecord } from "../../drills/run-event.ts";
import { StepError } from "../../drills/step-error.ts";
import type { TrafficRef } from "../../drills/traffic-ref.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import type { Instant } from "../../support/clock.ts";
import { durationMs } from "../../support/duration.ts";
import { formatDurationUs, formatWallUs } from "../../support/format.ts";
import { printable } from "../../support/printable.ts";
import type { ProbeView, TrafficWatch } from "../ports/traffic.ts";
import { beganAfter, notBefore, requireDisaster, requireTraffic } from "./running-traffic.ts";
import type { TrafficDeps } from "./start.ts";
import { watchProber } from "./watch-prober.ts";
import { timeoutFor } from "../timeout-for.ts";

const WITHIN_MS = 300_000;

const inputSchema = z.strictObject({
  probes: z.int().min(1).max(10_000).default(1).describe("Good probes in a row that count as back. Default 1."),
  within: durationMs().prefault("5m").describe("Longest wait for the service. Default 5m."),
});

const outputSchema = z.object({
  firstReadAt: z.string().describe("First read that clients were answered again, UTC, with microseconds."),
  firstWriteAt: z.string().describe("First write that was acknowledged again, UTC, with microseconds."),
  server: z.string().nullable().describe("Who answered, `host:port`; null when no probe had failed."),
  outageUs: z.int().nullable().describe("From the last good probe to the first good write; null when no probe failed."),
});

type Input = z.output<typeof inputSchema>;

interface Back {
  readonly read: Instant;
  readonly write: Instant;
  readonly server: string | null;
  /** Null: no probe has failed since T0. */
  readonly lastGood: Instant | null;
  readonly lastFailed: Instant | null;
}

/** Sets T4 and T5 from what the prober saw on the clients' path. */
export function recoveredStep({ traffic }: TrafficDeps): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "traffic/recovered",
    summary: "Waits until clients read and write again, and sets T4 and T5 to when they did.",
    role: "action",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    // Later ones would be taken for the recovery's.
    phases: ["recover"],
    // A guard only: `within` ends the wait.
    defaultTimeoutMs: 24 * 60 * 60_000,
    timeoutFor: timeoutFor(["within"], WITHIN_MS),
    needsSystem: false,
    async run(input, ctx) {
      const running = requireTraffic(ctx);
      const t0 = requireDisaster(ctx);
      using watch = await traffic.watch(running);
      const { back, beforeUs } = await untilBack(watch, running, t0, input, ctx);
      await markBack(back, beforeUs, running, t0, ctx);
      return { kind: "done", outputs: outputsOf(back) };
    },
  });
}

/** `beforeUs`: the newest probe seen while the service was not back; null when it was back at the first look. */
async function untilBack(
  watch: TrafficWatch,
  traffic: TrafficRef,
  t0: MarkRecord,
  input: Input,
  ctx: StepContext,
): Promise<{ readonly back: Back; readonly beforeUs: number | null }> {
  const beginUs = ctx.clock.monoUs();
  const known: { back: Back | null; probes: number; beforeUs: number | null } = {
    back: null,
    probes: -1,
    beforeUs: null,
  };
  const seen = (view: ProbeView): boolean => {
    known.back = backIn(view, t0, beginUs, input.probes);
    // Between two probes the prober says only that it is alive.
    if (known.back === null && view.probes !== known.probes) known.beforeUs = view.heardAt?.monoUs ?? null;
    known.probes = view.probes;
    return known.back !== null;
  };
  const watched = await watchProber(watch, traffic, seen, input.within, ctx);
  if (watched.kind === "seen" && known.back !== null)
    return { back: known.back, beforeUs: known.back.lastFailed?.monoUs ?? known.beforeUs };
  throw notBack(watched.view, input);
}

function backIn(view: ProbeView, t0: MarkRecord, beginUs: number, probes: number): Back | null {
  if (view.goodInARow < probes) return null;
  const { outage, lastGood } = view;
  if (outage !== null && beganAfter(t0, outage)) {
    const { firstRead: read, firstWrite: write, to: server, lastFailed = null } = outage;
    return read === null || write === null ? null : { read, write, server, lastGood: outage.lastGood, lastFailed };
  }
  // No probe failed: a change so quick shows in nothing but that the service answers after it.
  if (lastGood === null || lastGood.monoUs < beginUs) return null;
  return { read: lastGood, write: lastGood, server: null, lastGood: null, lastFailed: null };
}

async function markBack(
  back: Back,
  beforeUs: number | null,
  { probeIntervalUs }: TrafficRef,
  t0: MarkRecord,
  ctx: StepContext,
): Promise<void> {
  const note = back.lastGood === null ? "no probe failed since T0: the first good one after the recovery" : null;
  const at = (instant: Instant) =>
    notBefore(t0, instant, Math.max(probeIntervalUs, beforeUs === null ? 0 : instant.monoUs - beforeUs));
  await ctx.mark({ mark: "T4", ...at(back.read), source: "prober", note });
  await ctx.mark({ mark: "T5", ...at(back.write), source: "prober", note });
}

function outputsOf({ read, write, server, lastGood }: Back): z.output<typeof outputSchema> {
  return {
    firstReadAt: formatWallUs(read.wallUs, 6),
    firstWriteAt: formatWallUs(write.wallUs, 6),
    server,
    outageUs: lastGood === null ? null : write.monoUs - lastGood.monoUs,
  };
}

function notBack(view: ProbeView | null, { within, probes }: Input): StepError {
  const limit = formatDurationUs(within * 1000);
  const reason = view?.outage?.reason ?? null;
  const why = reason === null ? "" : `; the outage began with: ${printable(reason, 200)}`;
  const message = `clients did not read and write again within ${limit}: ${view?.goodInARow ?? 0} good probes in a row, expected ${probes}${why}`;
  return new StepError("subject", "SERVICE_NOT_BACK", message, {
    hint: "does the clients' path lead to the new primary?",
  });
}
