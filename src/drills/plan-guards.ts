import type { JsonObject } from "../support/json.ts";
import { show } from "../support/printable.ts";
import type { Planning } from "./build-plan.ts";
import { checkCondition } from "./condition.ts";
import { findSystem, namedSystem, unknownSystem } from "./plan-system.ts";
import { faultAt, type Problem } from "./playbook-check.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import type { StepSignature } from "./step-signature.ts";

/** What may not be planned: a system that is not there, and disruption of production without the playbook's consent. */
export function guardStep(planning: Planning, step: WrittenStep, signature: StepSignature, input: JsonObject): void {
  const complain = (field: readonly string[], problem: Problem): void => {
    planning.faults.push(...faultAt(planning.input.playbook.check.draft, [...step.path, ...field], problem));
  };
  const name = namedSystem(planning.input, step, input, planning.params);
  const named = name === undefined ? undefined : findSystem(planning.input, name);
  if (name !== undefined && named === undefined) complain(["with", "system"], unknownSystem(planning.input, name));
  // --system named one that is not there: that was said, and this would only be its echo.
  const chosen = planning.system !== null || planning.input.systemName !== null;
  if (signature.needsSystem && !chosen && name === undefined)
    complain(["uses"], missingSystem(planning, `step ${show(step.id)} needs a system`));
  for (const field of ["when", "expect"] as const) {
    if (!chosen && namesSystem(step, field))
      complain([field], missingSystem(planning, "the condition names the system"));
  }
  const target = named ?? planning.system;
  if (signature.effect === "disruptive")
    guardProduction(planning, target?.name ?? null, target?.environment ?? "unlabelled", complain);
}

function missingSystem({ input }: Planning, message: string): Problem {
  const names = input.inventory?.systems.map((system) => system.name) ?? [];
  const hint =
    names.length === 0
      ? "give an inventory and choose: --inventory <file> --system <name>"
      : `choose one: --system ${names.slice(0, 8).join(" | ")}`;
  return { code: "MISSING_SYSTEM", message, hint };
}

function namesSystem(step: WrittenStep, field: "when" | "expect"): boolean {
  const text = step.spec?.[field];
  const condition = text === undefined ? undefined : checkCondition(text, field);
  return condition?.kind === "ok" && condition.references.some(({ path }) => path[0] === "system" && path.length > 1);
}

/** First of three consents (safety rule 3); approval and confirmation are asked for when it runs. */
function guardProduction(
  { input }: Planning,
  name: string | null,
  environment: string,
  complain: (field: readonly string[], problem: Problem) => void,
): void {
  if (input.playbook.spec.guardrails.allowProduction) return;
  if (environment !== "production" && environment !== "unlabelled") return;
  const what = name === null ? "a system that is not known" : `system ${show(name)}, which is ${environment}`;
  complain(["uses"], {
    code: "GUARD_PRODUCTION",
    message: `disruptive step on ${what}`,
    hint:
      environment === "production"
        ? "guardrails: { allowProduction: true } is the first of three consents"
        : "label the system's environment in the inventory, or write guardrails: { allowProduction: true }",
  });
}
