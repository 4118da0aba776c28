import { expectedOf } from "../../drills/stop-condition.ts";
import { show } from "../../support/printable.ts";
import { type GuardPolicy, PASSED, refused, type StopView } from "./guard-policy.ts";

/**
 * Healthy first: before the first strike every stop condition must hold, and a condition that does not answer does not
 * hold. Later ones are not asked for: a watcher looks at the conditions by then, and a look would stand in the recovery path.
 */
export const stopConditionsHold: GuardPolicy = {
  async check(step, _plan, _signal, scope) {
    if (!scope.firstStrike) return PASSED;
    const bad = (await scope.lookAtStopConditions()).filter(({ reading }) => reading.kind !== "holds");
    if (bad.length === 0) return PASSED;
    return refused(`${step.id} would disrupt a system that is not healthy: ${bad.map(inWords).join("; ")}.`);
  },
};

function inWords({ condition, reading }: StopView): string {
  const what = `stop condition ${show(condition.title)}`;
  return reading.kind === "unknown"
    ? `${what} gave no answer (${reading.seen})`
    : `${what} expects ${expectedOf(condition)}, saw ${reading.seen}`;
}
