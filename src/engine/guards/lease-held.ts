import { type GuardPolicy, PASSED } from "./guard-policy.ts";

/** One disruptive run per system: the lock is held and the epoch is ours. A guard that throws has refused. */
export const leaseHeld: GuardPolicy = {
  async check(_step, _plan, _signal, scope) {
    await scope.requireCurrent();
    return PASSED;
  },
};
