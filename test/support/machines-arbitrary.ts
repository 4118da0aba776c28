import * as fc from "fast-check";
import { PHASES, type PhaseName } from "../../src/drills/phases.ts";
import type { Plan, RetryPolicy } from "../../src/drills/plan.ts";
import { planOf, type StepSketch } from "./machines-plan.ts";

/** Plans of up to 40 steps over any phases: chains, graphs, optional and disruptive steps, retries. */
export const anyPlan: fc.Arbitrary<Plan> = fc
  .record({
    phases: fc.subarray([...PHASES]),
    steps: fc.array(
      fc.record({
        phase: fc.nat(PHASES.length - 1),
        waits: fc.oneof(
          fc.constant("before" as const),
          fc.array(fc.nat(39), { maxLength: 3 }).map((needs) => needs),
        ),
        required: fc.nat(2).map((n) => n > 0),
        disruptive: fc.nat(9).map((n) => n === 0),
        retry: retryPolicy(),
      }),
      { maxLength: 40, size: "max" },
    ),
  })
  .map(({ phases, steps }) => {
    const sketches = new Map<PhaseName, StepSketch[]>(phases.map((name) => [name, []]));
    for (const [index, { phase, waits, required, disruptive, retry }] of steps.entries()) {
      const list = sketches.get(phases[phase % Math.max(phases.length, 1)] ?? "prepare");
      if (list === undefined) continue;
      const needs =
        waits === "before" || list.length === 0 ? undefined : waits.map((n) => list[n % list.length]?.id ?? "");
      const effect = disruptive ? "disruptive" : "sandbox";
      list.push({ id: `s${index}`, required, effect, retry, ...(needs === undefined ? {} : { needs }) });
    }
    return planOf(Object.fromEntries(sketches));
  });

function retryPolicy(): fc.Arbitrary<RetryPolicy> {
  return fc.record({
    attempts: fc.integer({ min: 1, max: 4 }),
    delayMs: fc.constant(1),
    on: fc.subarray(["transient", "timeout"] as const),
  });
}

/** Choices of a world: see `play`. */
export const anyTape: fc.Arbitrary<readonly number[]> = fc.array(fc.nat(10_000), {
  minLength: 1,
  maxLength: 300,
  size: "max",
});
