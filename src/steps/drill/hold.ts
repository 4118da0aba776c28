import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Service } from "../../drills/facts.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { type Instant, instant } from "../../support/clock.ts";
import { durationMs } from "../../support/duration.ts";
import { formatDurationUs, formatWallUs } from "../../support/format.ts";
import { printable } from "../../support/printable.ts";
import type { Sessions } from "../ports/postgres.ts";
import { type Probed, probeService } from "./probe-service.ts";

const inputSchema = z.strictObject({
  for: durationMs({ zero: true }).describe("Length of the window. `0s` asks once."),
  interval: durationMs().prefault("250ms").describe("Time between two looks. Default 250ms."),
  timeout: durationMs().prefault("2s").describe("Longest a single look may take. Default 2s."),
});

const outputSchema = z.object({
  probes: z.number().int().describe("How often all services were asked."),
});

/** Keeps asking the recovered services until the window is over; sets T7 when every answer was good. */
export function holdStep(deps: { readonly sessions: Sessions }): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "drill/hold",
    summary: "Watches the recovered services for a while: they must answer reads and writes all the time.",
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
      const services = ctx.services();
      if (services.length === 0) {
        throw new StepError(
          "permanent",
          "HOLD_NO_SERVICE",
          "no step of the run reported a recovered service to watch",
          {
            hint: "the hold window needs a step such as postgres/restore before it",
          },
        );
      }
      const held = await hold(input, services, deps.sessions, ctx);
      if (held.kind === "healthy") {
        const { wallUs, monoUs } = held.last;
        const note = services.some((service) => !service.writable)
          ? "read-only services were asked to read only"
          : null;
        await ctx.mark({ mark: "T7", wallUs, monoUs, source: "prober", resolutionUs: held.resolutionUs, note });
      }
      return answer(held, input, services.length);
    },
  });
}

type Input = z.output<typeof inputSchema>;
type Held =
  | { readonly kind: "healthy"; readonly probes: number; readonly last: Instant; readonly resolutionUs: number }
  | {
      readonly kind: "unhealthy";
      readonly probes: number;
      readonly at: Instant;
      readonly sinceBeginUs: number;
      readonly reason: string;
    };

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

function answer(held: Held, input: Input, services: number) {
  const looks = `${held.probes} ${held.probes === 1 ? "look" : "looks"}`;
  const actual =
    held.kind === "healthy"
      ? `healthy in all of ${looks}`
      : `failed at ${formatWallUs(held.at.wallUs)}, ${formatDurationUs(held.sinceBeginUs)} after the window began, after ${held.probes - 1} good: ${held.reason}`;
  return {
    kind: "check" as const,
    passed: held.kind === "healthy",
    outputs: { probes: held.probes },
    check: {
      title: services === 1 ? "the recovered service stays healthy" : `${services} recovered services stay healthy`,
      expected: `every look good for ${formatDurationUs(input.for * 1000)}, every ${formatDurationUs(input.interval * 1000)}`,
      actual,
      coverage: { checked: services, total: services, unit: "services" },
    },
  };
}
