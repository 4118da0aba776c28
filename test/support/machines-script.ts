import type { Plan } from "../../src/drills/plan.ts";
import type { ChartEvent } from "../../src/drills/run-event.ts";
import { type Action, advance, compilePlan, createRun, type RunState } from "../../src/machines/run-chart.ts";

/** A run that is told records one after another; `say` gives the actions as short text, `startStep a 1`. */
export interface Script {
  readonly run: RunState;
  readonly say: (...events: readonly ChartEvent[]) => readonly string[];
  readonly states: () => Record<string, string>;
}

export function scriptOf(plan: Plan): Script {
  const run = createRun(compilePlan(plan));
  return {
    run,
    say: (...events) => events.flatMap((event) => advance(run, event)).map((action) => actionText(action)),
    states: () => Object.fromEntries([...run.steps.values()].map(({ id, state }) => [id, state])),
  };
}

export function actionText(action: Action): string {
  return Object.values(action).join(" ");
}
