import { APPROVAL_USES, isStrike } from "../drills/consents.ts";
import type { GuardScope } from "./guards/guard-policy.ts";
import type { RunSession } from "./run-session.ts";
import { stale } from "./state/system-lease.ts";
import type { StopWatch } from "./stop-watch.ts";

/** The run as its guards see it at this instant. */
export function guardScope(session: RunSession, watch: StopWatch): GuardScope {
  const { runId, plan, state, memory } = session;
  const granted = (id: string): boolean => state.steps.get(id)?.state === "succeeded";
  return {
    runId,
    // A journal of before it was asked for has none.
    confirmed: memory.started?.confirmed ?? null,
    approvals: plan.steps.filter((step) => step.uses === APPROVAL_USES && granted(step.id)).map((step) => step.id),
    firstStrike: !plan.steps.some((step) => isStrike(step) && memory.attempts.has(step.id)),
    requireCurrent: () => requireCurrent(session),
    lookAtStopConditions: () => watch.look(),
  };
}

/** Throws `STALE_EPOCH`, also for a run that never held a system, and `STALE_OWNER`. */
export async function requireCurrent({ hold, lease, plan }: RunSession): Promise<void> {
  if (lease === null) throw stale(plan.system?.name ?? "a system", "it never held one");
  await lease.requireCurrent();
  // Last: it is asked without a wait, so that nothing comes between the answer and the act.
  hold.requireHeld();
}
