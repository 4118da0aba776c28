import { z } from "zod";
import { StepError } from "../../drills/step-error.ts";
import { defineStep } from "../../engine/step-contract.ts";

/** `fault/undo`: undoes one fault before the cleanup would, by the same rules: an old primary never comes back as a second one. */
export const undoStep = defineStep({
  uses: "fault/undo",
  summary: "Undoes a fault before the end of the run, as cleanup would, so that what follows can reach the server.",
  role: "action",
  effect: "disruptive",
  idempotent: true,
  with: z.strictObject({
    fault: z.string().min(1).describe("Id of the step that put it in."),
  }),
  outputs: z.object({ proofs: z.array(z.string()).describe("What was asked afterwards, and the answers.") }),
  creates: [],
  defaultTimeoutMs: 30 * 60_000,
  needsSystem: true,
  async run({ fault }, ctx) {
    await ctx.requireCurrent();
    const removed = await ctx.ledger.remove(fault, "fault");
    if (removed.kind === "nothing") throw noFault(fault);
    return { kind: "done", outputs: { proofs: [...removed.proofs] } };
  },
});

function noFault(step: string): StepError {
  return new StepError("permanent", "FAULT_NOT_PUT_IN", `step ${JSON.stringify(step)} put in no fault`, {
    hint: "`fault` is the id of an earlier step of this playbook that breaks something, or fences",
  });
}
