import type { Action } from "./action.ts";
import type { RunState, StepRun } from "./run-state.ts";

/**
 * What the run has asked for and no record has answered yet, in plan order: what a crashed run has to do first. A step
 * that was `running` is not among it (its effect is reconciled), nor is a retry that has its time already.
 */
export function outstanding(run: RunState): readonly Action[] {
  switch (run.phase) {
    case "idle":
      return [];
    case "stopping":
      return [{ type: "armStoppingDeadline" }, ...openSteps(run)];
    case "cleanup":
      return [{ type: "beginCleanup" }];
    case "finished":
      return [{ type: "finish" }];
    default:
      return run.drill.context.begun ? openSteps(run) : [{ type: "beginPhase", phase: run.phase }];
  }
}

function openSteps(run: RunState): readonly Action[] {
  return run.current?.compiled.steps.flatMap(({ id }) => asked(run.steps.get(id))) ?? [];
}

function asked(step: StepRun | undefined): readonly Action[] {
  if (step === undefined) return [];
  const { id, attempt, state } = step;
  switch (state) {
    case "guarded":
      return [{ type: "checkGuard", step: id, attempt }];
    case "ready":
      return [{ type: "startStep", step: id, attempt }];
    case "skipping":
      return [{ type: "skipStep", step: id, reason: step.skipReason ?? "halted" }];
    case "backoff":
      return step.snapshot.context.scheduled ? [] : [{ type: "scheduleRetry", step: id, attempt }];
    case "stopping":
      return [{ type: "stopStep", step: id, attempt }];
    default:
      return [];
  }
}
