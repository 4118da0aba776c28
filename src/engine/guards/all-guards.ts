import type { GuardPolicy } from "./guard-policy.ts";
import { PASSED } from "./guard-policy.ts";
import { leaseHeld } from "./lease-held.ts";
import { productionConsents } from "./production-consents.ts";
import { stopConditionsHold } from "./stop-conditions-hold.ts";

/** Asks one after the other; the first refusal is the answer. */
export function allGuards(policies: readonly GuardPolicy[]): GuardPolicy {
  return {
    async check(step, plan, signal, scope) {
      for (const policy of policies) {
        const answer = await policy.check(step, plan, signal, scope);
        if (answer.kind === "refused") return answer;
      }
      return PASSED;
    },
  };
}

/** The rules of docs/safety.md. The lease comes last: it is the one that can be lost while the others are asked. */
export const standardGuards: GuardPolicy = allGuards([productionConsents, stopConditionsHold, leaseHeld]);
