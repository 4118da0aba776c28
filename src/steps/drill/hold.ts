import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Service } from "../../drills/facts.ts";
import { StepError } from "../../drills/step-error.ts";
import type { TrafficRef } from "../../drills/traffic-ref.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { instant } from "../../support/clock.ts";
import { durationMs } from "../../support/duration.ts";
import { formatDurationUs, formatWallUs } from "../../support/format.ts";
import { printable } from "../../support/printable.ts";
import type { Sessions } from "../ports/postgres.ts";
import type { Traffic } from "../ports/traffic.ts";
import type { Held } from "./held.ts";
import { holdByProber } from "./hold-prober.ts";
import { type Probed, probeService } from "./probe-service.ts";

export interface HoldDeps {
  readonly sessions: Sessions;
  readonly traffic: Traffic;
}

const inputSchema = z.strictObject({
  for: durationMs({ zero: true }).describe("Length of the window. `0s` asks once."),
  interval: durationMs().prefault("250ms").describe("Time between two looks, where no traffic runs. Default 250ms."),
  timeout: durationMs().prefault("2s").describe("Longest a single look may take, where no traffic runs. Default 2s."),
});

const outputSchema = z.object({
  probes: z.number().int().describe("How often all services were asked, or the prober's probes in the window."),
});

/**
 * Watches until the window is over; sets T7 when every answer was good. Where traffic runs its prober judges, on the clients'
 * path; else the recovered services are asked from here.
 */
export function holdStep(deps: HoldDeps): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "drill/hold",
    summary: "Watches the recovered service for a while: it must answer reads and writes all the time.",
    role: "check",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    phases: ["hold"],
    // A guard only: the window ends by itself, and each look has a deadline of its own.
    defaultTimeoutMs: 24 * 60 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      const traffic = ctx.traffic();
      if (traffic !== null) {
        const held = await holdByProber(deps.traffic, traffic, input.for, ctx);
        await markHeld(held, null, ctx);
        return answer(held, onClientPath(input, traffic));
      }
      const services = requireServices(ctx);
      const held = await hold(input, services, deps.sessions, ctx);
      const readOnly = services.some((service) => !service.writable);
      await markHeld(held, readOnly ? "read-only services were asked to read only" : null, ctx);
      return answer(held, onServices(input, services.length));
    },
  });
}

function requireServices(ctx: StepContext): readonly Service[] {
  const services = ctx.services();
  if (services.length > 0) return services;
  throw new StepError("permanent", "HOLD_NO_SERVICE", "no step of the run reported a recovered service to watch", {
    hint: "the hold window needs a step such as postgres/restore or traffic/start before it",
  });
}

async function markHeld(held: Held, note: string | null, ctx: StepContext): Promise<void> {
  if (held.kind === "unhealthy") return;
  const { wallUs, monoUs } = held.last;
  await ctx.mark({ mark: "T7", wallUs, monoUs, source: "prober", resolutionUs: held.resolutionUs, note });
}

type Input = z.output<typeof inputSchema>;

/** The last look happens at or after the end of the window, so that T7 is never earlier than asked. */
async function hold(input: Input, services: readonly Service[], sessions: Sessions, ctx: StepContext): Promise<Held> {
  const begin = ctx.clock.monoUs();
  let before = begin;
  for (let probes = 1; ; probes += 1) {
    const at = instant(ctx.clock);
    const answers = await Promise.all(
      services.map((service) => probeService(sessions, service, input.timeout, ctx.signal)),
    );
    const reason = reasonOf(answers, services);
    if (reason !== null) return { kind: "unhealthy", probes, at, sinceBeginUs: at.monoUs - begin, reason };
    const last = instant(ctx.clock);
    if (at.monoUs - begin >= input.for * 1000) {
      return { kind: "healthy", probes, last, resolutionUs: Math.max(input.interval * 1000, last.monoUs - before) };
    }
    before = at.monoUs;
    await delay(waitMs(begin + input.for * 1000, at.monoUs + input.interval * 1000, ctx.clock.monoUs()), undefined, {
      signal: ctx.signal,
    });
  }
}

/** Until the next look is due, or the end of the window when that comes first. Whole milliseconds, rounded up. */
function waitMs(endUs: number, dueUs: number, nowUs: number): number {
  return Math.max(0, Math.ceil((Math.min(endUs, dueUs) - nowUs) / 1000));
}

function reasonOf(answers: readonly Probed[], services: readonly Service[]): string | null {
  const reasons = answers.flatMap((probed, index) =>
    probed.kind === "unhealthy" ? [`${nameOf(services[index])}: ${probed.reason}`] : [],
  );
  return reasons.length === 0 ? null : printable(reasons.join("; "), 300);
}

function nameOf(service: Service | undefined): string {
  return service === undefined ? "service" : `${service.database.database} on port ${service.database.port}`;
}

/** What was watched, in words. */
interface Watched {
  readonly title: string;
  readonly expected: string;
  readonly looks: string;
  readonly count: number;
  readonly unit: string;
}

function onServices(input: Input, count: number): Watched {
  const title = count === 1 ? "the recovered service stays healthy" : `${count} recovered services stay healthy`;
  const expected = `every look good for ${formatDurationUs(input.for * 1000)}, every ${formatDurationUs(input.interval * 1000)}`;
  return { title, expected, looks: "look", count, unit: "services" };
}

function onClientPath(input: Input, { probeIntervalUs }: TrafficRef): Watched {
  const expected = `no probe fails for ${formatDurationUs(input.for * 1000)}, every ${formatDurationUs(probeIntervalUs)}`;
  return { title: "the service stays healthy for clients", expected, looks: "probe", count: 1, unit: "client paths" };
}

function answer(held: Held, { title, expected, looks, count, unit }: Watched) {
  const actual =
    held.kind === "healthy"
      ? `healthy in all of ${held.probes} ${held.probes === 1 ? looks : `${looks}s`}`
      : `failed at ${formatWallUs(held.at.wallUs)}, ${formatDurationUs(held.sinceBeginUs)} after the window began, after ${Math.max(0, held.probes - 1)} good: ${held.reason}`;
  return {
    kind: "check" as const,
    passed: held.kind === "healthy",
    outputs: { probes: held.probes },
    check: { title, expected, actual, coverage: { checked: count, total: count, unit } },
  };
}
