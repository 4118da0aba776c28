import type { SystemSnapshot } from "./inventory.ts";
import type { PhaseName } from "./phases.ts";
import type { Plan, PlanStep } from "./plan.ts";

/** The step that asks a person. */
export const APPROVAL_USES = "approval";

/** The phases in which a disruption is the drill itself: before the first one the system must be healthy. */
const STRIKES: ReadonlySet<PhaseName> = new Set(["disaster", "recover"]);

export function disruptiveSteps({ steps }: Plan): readonly PlanStep[] {
  return steps.filter((step) => step.effect === "disruptive");
}

/** Breaks or recovers the system, as opposed to preparing for that. */
export function isStrike(step: Pick<PlanStep, "effect" | "phase">): boolean {
  return step.effect === "disruptive" && STRIKES.has(step.phase);
}

/** Production, or nobody said that it is not. */
export function isProtected(environment: SystemSnapshot["environment"]): boolean {
  return environment === "production" || environment === "unlabelled";
}

/** Whether the three consents are needed: the playbook's, a person's approval, the typed name. */
export function needsConsents(plan: Plan): boolean {
  return disruptiveSteps(plan).length > 0 && isProtected(plan.system?.environment ?? "unlabelled");
}
