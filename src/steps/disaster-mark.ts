import type { StepContext } from "../engine/step-contract.ts";
import type { Instant } from "../support/clock.ts";

/** What a step did to the system from `begun` to `done`. In the disaster phase that sets T0, unless an earlier step has. */
export async function markDisaster(begun: Instant, done: Instant, note: string, ctx: StepContext): Promise<void> {
  if (ctx.phase !== "disaster" || ctx.marks().some(({ mark }) => mark === "T0")) return;
  // The interval [begun, done] holds the instant at which it took effect.
  const resolutionUs = done.monoUs - begun.monoUs;
  await ctx.mark({ mark: "T0", ...done, source: "orchestrator", resolutionUs, note });
}
