import { disruptiveSteps } from "../drills/consents.ts";
import type { Plan } from "../drills/plan.ts";
import type { EngineDeps } from "./engine-deps.ts";
import type { HeldLock } from "./state/exclusive-lock.ts";
import { lockSystem, type SystemLease, takeLease } from "./state/system-lease.ts";

/** The lock of the plan's system; null for a plan that changes none. Throws `SYSTEM_BUSY`. `seizeFrom`: see `lockSystem`. */
export async function lockForPlan(
  plan: Plan,
  deps: EngineDeps,
  seizeFrom: string | null = null,
): Promise<HeldLock | null> {
  const system = heldSystem(plan);
  return system === null ? null : lockSystem(deps.state.root, system, deps.files, seizeFrom);
}

/** The system that a run of this plan holds for itself; null when it changes none. */
export function heldSystem(plan: Plan): string | null {
  return plan.system === null || disruptiveSteps(plan).length === 0 ? null : plan.system.name;
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
