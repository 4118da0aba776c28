import { z } from "zod";
import { defineStep } from "../../engine/step-contract.ts";
import { instant } from "../../support/clock.ts";
import { formatWallUs } from "../../support/format.ts";

/** The disaster of a restore test: nothing is broken, it is agreed that from now on the original counts as lost. */
export const declareStep = defineStep({
  uses: "disaster/declare",
  summary: "Declares the disaster: sets T0 to now and breaks nothing.",
  role: "action",
  effect: "read",
  // A second T0 after a crash would shorten the measured recovery; the first one on record is kept.
  idempotent: true,
  with: z.strictObject({
    scenario: z.string().max(500).optional().describe("What is supposed to have happened; stands in the report."),
  }),
  outputs: z.object({
    at: z.string().describe("When, UTC, with microseconds."),
  }),
  creates: [],
  phases: ["disaster"],
  defaultTimeoutMs: 60_000,
  needsSystem: false,
  async run(input, ctx) {
    const known = ctx.marks().find((mark) => mark.mark === "T0");
    if (known !== undefined) return { kind: "done", outputs: { at: formatWallUs(known.wallUs, 6) } };
    const now = instant(ctx.clock);
    const note = input.scenario ?? null;
    await ctx.mark({ mark: "T0", ...now, source: "orchestrator", resolutionUs: 0, note });
    return { kind: "done", outputs: { at: formatWallUs(now.wallUs, 6) } };
  },
});
