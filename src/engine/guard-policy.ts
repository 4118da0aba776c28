import type { GuardPolicy } from "./engine-deps.ts";

/** Refuses every disruptive step: what stands until rules for production systems are configured. */
export const refuseDisruptive: GuardPolicy = {
  check: (step) =>
    Promise.resolve({
      kind: "refused",
      message: `${step.id} (${step.uses}) changes a system of the inventory, and disruptive steps are not allowed here.`,
    }),
};
