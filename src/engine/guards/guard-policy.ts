import type { Plan, PlanStep } from "../../drills/plan.ts";
import type { StopCondition, StopReading } from "../../drills/stop-condition.ts";

/**
 * May this disruptive step begin? Asked before every attempt. It stands in the recovery path: what takes time (a network)
 * may be asked before the first strike only.
 */
export interface GuardPolicy {
  check(step: PlanStep, plan: Plan, signal: AbortSignal, scope: GuardScope): Promise<GuardAnswer>;
}

export type GuardAnswer = { readonly kind: "passed" } | { readonly kind: "refused"; readonly message: string };

/** What guards may know of the run. */
export interface GuardScope {
  readonly runId: string;
  /** Name of the system as a person typed or passed it; null when nobody did. */
  readonly confirmed: string | null;
  /** Ids of the steps in which a person agreed. */
  readonly approvals: readonly string[];
  /** Whether this is the first disruptive step of disaster or recover: nothing has been broken on purpose yet. */
  readonly firstStrike: boolean;
  /** Throws `STALE_EPOCH`. Reads one small file. */
  requireCurrent(): Promise<void>;
  /** Looks at every stop condition of the plan, each within its own deadline. Never rejects. */
  lookAtStopConditions(): Promise<readonly StopView[]>;
}

/** A stop condition, and one look at it. */
export interface StopView {
  readonly condition: StopCondition;
  readonly reading: StopReading;
}

export const PASSED: GuardAnswer = { kind: "passed" };

export function refused(message: string): GuardAnswer {
  return { kind: "refused", message };
}
