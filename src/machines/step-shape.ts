import type { PlanStep, RetryableClass } from "../drills/plan.ts";

/** What of a step decides its chart; steps of one shape share one machine. */
export interface StepShape {
  readonly disruptive: boolean;
  /** Including the first. */
  readonly attempts: number;
  /** Error classes that are tried again, sorted; empty when there is one attempt. */
  readonly retryOn: readonly RetryableClass[];
}

export function stepShape(step: Pick<PlanStep, "effect" | "retry">): StepShape {
  const retried = step.retry.attempts > 1 && step.retry.on.length > 0;
  return {
    disruptive: step.effect === "disruptive",
    attempts: retried ? step.retry.attempts : 1,
    retryOn: retried ? [...new Set(step.retry.on)].toSorted() : [],
  };
}

/** `guarded step, 3 attempts on timeout and transient`; also the key of the shape. */
export function shapeName(shape: StepShape): string {
  const kind = shape.disruptive ? "guarded step" : "step";
  return shape.attempts === 1 ? kind : `${kind}, ${shape.attempts} attempts on ${shape.retryOn.join(" and ")}`;
}
