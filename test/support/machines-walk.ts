import type { ChartEvent } from "../../src/drills/run-event.ts";
import { type Action, advance, type CompiledPlan, createRun, type RunState } from "../../src/machines/run-chart.ts";
import { record } from "./machines-records.ts";

/** Where every action is answered at once and every step succeeds, except that `failing` fails its check. */
export function walk(compiled: CompiledPlan, failing?: string): { readonly run: RunState; readonly events: number } {
  const run = createRun(compiled);
  const inbox: ChartEvent[] = [record.started()];
  for (const event of inbox) for (const action of advance(run, event)) inbox.push(...answers(action, failing));
  return { run, events: inbox.length };
}

function answers(action: Action, failing: string | undefined): readonly ChartEvent[] {
  switch (action.type) {
    case "beginPhase":
      return [record.begun(action.phase)];
    case "checkGuard":
      return [record.guardPassed(action.step, action.attempt)];
    case "startStep":
      return [
        record.start(action.step),
        action.step === failing ? record.checkFailed(action.step) : record.success(action.step),
      ];
    case "skipStep":
      return [record.skip(action.step, action.reason)];
    case "beginCleanup":
      return [record.cleanupBegun(), record.cleanupFinished()];
    default:
      return [];
  }
}
