import { isProtected } from "../../drills/consents.ts";
import { show } from "../../support/printable.ts";
import { type GuardPolicy, PASSED, refused } from "./guard-policy.ts";

/**
 * Production, and what is not labelled, needs three consents: the playbook's, a person's approval in this run, and the
 * system's name typed or passed by whoever started it (safety rule 3).
 */
export const productionConsents: GuardPolicy = {
  check(step, { system, guardrails }, _signal, { confirmed, approvals }) {
    const about = `${step.id} (${step.uses})`;
    if (system === null)
      return Promise.resolve(refused(`${about} is disruptive, and the run has no system that it may change.`));
    if (!isProtected(system.environment)) return Promise.resolve(PASSED);
    const lacking = [
      ...(guardrails.allowProduction ? [] : ["the playbook's consent (guardrails.allowProduction)"]),
      ...(approvals.length > 0 ? [] : ["the approval of a person"]),
      ...(confirmed === system.name ? [] : [`the confirmed name of the system (--confirm ${system.name})`]),
    ];
    if (lacking.length === 0) return Promise.resolve(PASSED);
    const message = `${about} changes ${show(system.name)}, which is ${system.environment}, and lacks ${lacking.join(" and ")}.`;
    return Promise.resolve(refused(message));
  },
};
