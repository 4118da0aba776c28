import type { SystemSnapshot } from "../drills/inventory.ts";
import type { StopCondition, StopReading } from "../drills/stop-condition.ts";

/** Looks at a stop condition once. What stands in its way is `unknown`; a rejection counts as that as well. */
export interface StopProbe {
  evaluate(condition: StopCondition, system: SystemSnapshot | null, signal: AbortSignal): Promise<StopReading>;
}
