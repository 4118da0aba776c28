import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import { isAfterRecovery, seenFacts } from "./fact-view.ts";
import type { CanaryReading } from "./lost-acknowledged.ts";

/** A reading made before the recovery says what the old primary holds, and nothing of what is left. */
export function canaryReading(plan: Plan, records: readonly Recorded[]): CanaryReading {
  const last = seenFacts(plan, records, "canary_loss").findLast(isAfterRecovery) ?? null;
  return { traffic: seenFacts(plan, records, "traffic").length > 0 || last !== null, last };
}
