import type { ConditionScope } from "../drills/condition.ts";
import type { Plan } from "../drills/plan.ts";
import { FiredrillError } from "../support/errors.ts";
import type { RunMemory } from "./run-memory.ts";

/** What templates and conditions can name at this point of the run: outputs so far, and what `run.started` says. */
export function stepScope(plan: Plan, memory: RunMemory): ConditionScope {
  const { started } = memory;
  if (started === null) throw new FiredrillError("RUN_NOT_STARTED", "A step was asked for before the run has started.");
  return {
    params: plan.params,
    system: plan.system,
    steps: memory.outputs,
    run: { id: started.runId, installation: started.installation, seed: started.seed, mode: started.mode },
  };
}
