import type { JsonObject } from "../support/json.ts";
import { show } from "../support/printable.ts";
import type { Planning } from "./build-plan.ts";
import { checkCondition } from "./condition.ts";
import { APPROVAL_USES, isProtected, isStrike } from "./consents.ts";
import type { SystemSnapshot } from "./inventory.ts";
import { findSystem, namedSystem, unknownSystem } from "./plan-system.ts";
import { faultAt, type Problem } from "./playbook-check.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import type { StepSignature } from "./step-signature.ts";
import type { Path } from "./yaml-tree.ts";

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
  // What it may change, and whose consent that takes, depends on the system.
  const needed = signature.needsSystem || signature.effect === "disruptive";
  if (needed && !chosen && name === undefined)
    complain(["uses"], missingSystem(planning, `step ${show(step.id)} needs a system`));
  for (const field of ["when", "expect"] as const) {
    if (!chosen && namesSystem(step, field))
      complain([field], missingSystem(planning, "the condition names the system"));
  }
  const target = named ?? planning.system;
  if (signature.effect === "disruptive" && target !== null) guardProduction(planning, target, complain);
}

/** What the steps must be to each other: a person asked before the first disruption, health checked before the first strike. */
export function guardPlan(planning: Planning): void {
  const { check, spec } = planning.input.playbook;
  guardStopConditions(planning);
  const disruptive = check.steps.filter((step) => effectOf(planning, step) === "disruptive");
  guardApproval(planning, disruptive);
  const strike = disruptive.find(({ phase }) => isStrike({ effect: "disruptive", phase }));
  const steady = check.steps.some((step) => step.phase === "prepare" && asksRequired(planning, step));
  if (strike === undefined || steady) return;
  complainAt(planning, [...strike.path, "uses"], {
    code: "GUARD_STEADY_STATE",
    message: `step ${show(strike.id)} disrupts, and nothing has checked that the system is healthy`,
    hint:
      spec.phases.prepare === undefined
        ? "add a phase prepare with a required check, such as postgres/replica-status"
        : "put a required check into prepare, such as postgres/replica-status; or give a step there an expect:",
  });
}

/** Second of three consents. One approval may stand for all, but nothing may be disrupted before it. */
function guardApproval(planning: Planning, disruptive: readonly WrittenStep[]): void {
  const { system, input } = planning;
  if (system === null || !isProtected(system.environment)) return;
  const { steps, graph } = input.playbook.check;
  const approvals = steps.filter((step) => step.uses === APPROVAL_USES && step.spec?.required === true);
  const early = disruptive.find((step) => !approvals.some((approval) => graph.isBefore(approval, step)));
  if (early === undefined) return;
  const [first] = approvals;
  complainAt(planning, [...early.path, "uses"], {
    code: "GUARD_APPROVAL",
    message: `step ${show(early.id)} disrupts system ${show(system.name)}, which is ${system.environment}, and no required approval stands before it`,
    hint:
      first === undefined
        ? 'put a step before it: { uses: approval, with: { question: "May the drill begin?" } }'
        : `step ${show(first.id)} has not surely ended when it starts: move it, or add needs`,
  });
}

/** A query of a stop condition is asked on the system's client path. */
function guardStopConditions(planning: Planning): void {
  const { system, input } = planning;
  if (system !== null || input.systemName !== null) return;
  for (const [index, condition] of input.playbook.spec.guardrails.stopWhen.entries()) {
    if (condition.query === undefined) continue;
    const problem = missingSystem(planning, "the query of a stop condition needs a system");
    complainAt(planning, ["guardrails", "stopWhen", index, "query"], problem);
  }
}

function effectOf({ input }: Planning, { uses }: WrittenStep): StepSignature["effect"] | null {
  return uses === null ? null : (input.catalogue.get(uses)?.effect ?? null);
}

function asksRequired({ input }: Planning, { uses, spec }: WrittenStep): boolean {
  if (spec?.required !== true) return false;
  return spec.expect !== undefined || (uses !== null && input.catalogue.get(uses)?.role === "check");
}

function complainAt({ input, faults }: Planning, path: Path, problem: Problem): void {
  faults.push(...faultAt(input.playbook.check.draft, path, problem));
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

/** First of three consents (safety rule 3). */
function guardProduction(
  { input }: Planning,
  { name, environment }: SystemSnapshot,
  complain: (field: readonly string[], problem: Problem) => void,
): void {
  if (input.playbook.spec.guardrails.allowProduction || !isProtected(environment)) return;
  complain(["uses"], {
    code: "GUARD_PRODUCTION",
    message: `disruptive step on system ${show(name)}, which is ${environment}`,
    hint:
      environment === "production"
        ? "guardrails: { allowProduction: true } is the first of three consents"
        : "label the system's environment in the inventory, or write guardrails: { allowProduction: true }",
  });
}
