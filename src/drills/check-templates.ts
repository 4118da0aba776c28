import type { Fault } from "../support/errors.ts";
import type { JsonValue } from "../support/json.ts";
import { referenceProblem } from "./check-references.ts";
import { checkCondition, type ConditionPlace } from "./condition.ts";
import { faultInside, type PlaybookCheck } from "./playbook-check.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import { hasTemplate, parseTemplate } from "./template.ts";
import type { Path } from "./yaml-tree.ts";

/** Every `${{ }}` of a step's input, and every name in its conditions, leads somewhere. */
export function checkTemplates(check: PlaybookCheck): readonly Fault[] {
  return check.steps.flatMap((step) => [
    ...templateFaults(check, step, step.input, [...step.path, "with"]),
    ...conditionFaults(check, step, "when"),
    ...conditionFaults(check, step, "expect"),
  ]);
}

function templateFaults(check: PlaybookCheck, step: WrittenStep, value: JsonValue, path: Path): readonly Fault[] {
  if (typeof value === "string") return hasTemplate(value) ? textFaults(check, step, value, path) : [];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value))
    return value.flatMap((item: JsonValue, index) => templateFaults(check, step, item, [...path, index]));
  return Object.entries(value).flatMap(([key, item]) => templateFaults(check, step, item, [...path, key]));
}

function textFaults(check: PlaybookCheck, step: WrittenStep, text: string, path: Path): readonly Fault[] {
  const template = parseTemplate(text);
  if (template.kind === "error") return faultInside(check.draft, path, template.offset, template);
  return template.parts.flatMap((part) => {
    if (part.kind === "text") return [];
    const problem = referenceProblem(check, step, part.path, true);
    return problem === undefined ? [] : faultInside(check.draft, path, part.offset, problem);
  });
}

function conditionFaults(check: PlaybookCheck, step: WrittenStep, at: ConditionPlace): readonly Fault[] {
  const text = step.spec?.[at];
  if (text === undefined) return [];
  const path = [...step.path, at];
  const condition = checkCondition(text, at);
  if (condition.kind === "error")
    return faultInside(check.draft, path, condition.offset, { ...condition, code: "CONDITION_SYNTAX" });
  return condition.references.flatMap((reference) => {
    const problem = referenceProblem(check, step, reference.path, false);
    return problem === undefined ? [] : faultInside(check.draft, path, reference.offset, problem);
  });
}
