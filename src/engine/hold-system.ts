import { disruptiveSteps } from "../drills/consents.ts";
import type { Plan } from "../drills/plan.ts";
import type { EngineDeps } from "./engine-deps.ts";
import type { HeldLock } from "./state/exclusive-lock.ts";
import { lockSystem, type SystemLease, takeLease } from "./state/system-lease.ts";

/** The lock of the plan's system; null for a plan that changes none. Throws `SYSTEM_BUSY`. */
export async function lockForPlan(plan: Plan, deps: EngineDeps): Promise<HeldLock | null> {
  if (plan.system === null || disruptiveSteps(plan).length === 0) return null;
  return lockSystem(deps.state.root, plan.system.name, deps.files);
}

/** Writes down that the run holds it. */
export async function leaseFor(
  lock: HeldLock | null,
  { plan, runId }: { readonly plan: Plan; readonly runId: string },
  { state, orchestrator, clock, files }: EngineDeps,
): Promise<SystemLease | null> {
  if (lock === null || plan.system === null) return null;
  const { pid, host } = orchestrator;
  const request = { root: state.root, system: plan.system.name, run: runId, pid, host, wallUs: clock.wallUs() };
  return takeLease(lock, request, files);
}
