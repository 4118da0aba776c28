import type { ChartEvent } from "../drills/run-event.ts";
import type { RunState, StepStateName } from "../machines/run-chart.ts";
import type { RunMemory } from "./run-memory.ts";

/**
 * Whether an event that waited in the inbox still means something. What came too late (a deadline of an attempt that has
 * ended meanwhile) is not journaled: the charts would pass it over, and a reader would wonder.
 */
export function isCurrent(event: ChartEvent, state: RunState, memory: RunMemory): boolean {
  switch (event.type) {
    case "step.succeeded":
    case "step.check_failed":
    case "step.stopped":
    case "step.stop_overdue":
    case "step.in_doubt":
      return stepIs(state, event.data, ["running", "stopping"]);
    case "step.errored":
      return stepIs(state, event.data, ["ready", "running", "stopping"]);
    case "step.deadline_passed":
      return stepIs(state, event.data, ["running"]);
    case "step.retry_due":
      return stepIs(state, event.data, ["backoff"]);
    case "step.guard_passed":
    case "step.guard_refused":
      return stepIs(state, event.data, ["guarded"]);
    case "step.started":
      return stepIs(state, event.data, ["ready"]);
    case "phase.deadline_passed":
      return state.phase === event.data.phase;
    case "stopping.deadline_passed":
      return state.phase === "stopping";
    case "run.halted":
      // During cleanup it stops nothing, but that somebody wanted to is on record.
      return !memory.halted && state.phase !== "finished";
    case "cleanup.finished":
    case "cleanup.deadline_passed":
      return state.phase === "cleanup";
    default:
      return true;
  }
}

function stepIs(
  state: RunState,
  at: { readonly step: string; readonly attempt: number },
  states: readonly StepStateName[],
): boolean {
  const step = state.steps.get(at.step);
  return step !== undefined && step.attempt === at.attempt && states.includes(step.state);
}
