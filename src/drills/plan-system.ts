import type { Fault } from "../support/errors.ts";
import type { JsonObject } from "../support/json.ts";
import { show } from "../support/printable.ts";
import { suggestionHint } from "../support/suggest.ts";
import type { BuildPlanInput } from "./build-plan.ts";
import type { SystemSnapshot } from "./inventory.ts";
import type { Problem } from "./playbook-check.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import { substitute } from "./plan-substitute.ts";
import { fieldNames } from "./schema-walk.ts";
import { hasTemplate } from "./template.ts";

/** The system under drill: the one that was asked for, else the only one that steps name by `with: { system }`. */
export function chooseSystem(input: BuildPlanInput, params: JsonObject, faults: Fault[]): SystemSnapshot | null {
  if (input.systemName !== null) {
    const system = findSystem(input, input.systemName);
    if (system === undefined)
      faults.push({ file: "--system", line: 0, col: 0, ...withoutUndefined(unknownSystem(input, input.systemName)) });
    return system ?? null;
  }
  const named = new Set(
    input.playbook.check.steps.flatMap((step) => namedSystem(input, step, step.input, params) ?? []),
  );
  const [only] = named;
  return only === undefined || named.size > 1 ? null : (findSystem(input, only) ?? null);
}

export function findSystem(input: BuildPlanInput, name: string): SystemSnapshot | undefined {
  return input.inventory?.systems.find((system) => system.name === name);
}

export function unknownSystem(input: BuildPlanInput, name: string): Problem {
  if (input.inventory === null)
    return {
      code: "UNKNOWN_SYSTEM",
      message: `system ${show(name)} is not known: there is no inventory`,
      hint: "give one: --inventory <file>",
    };
  const names = input.inventory.systems.map((system) => system.name);
  return {
    code: "UNKNOWN_SYSTEM",
    message: `there is no system ${show(name)} in the inventory`,
    hint: suggestionHint(name, names),
  };
}

/** What a step's own `with: { system: name }` says, where its schema has such a field. */
export function namedSystem(
  input: BuildPlanInput,
  step: WrittenStep,
  written: JsonObject,
  params: JsonObject,
): string | undefined {
  const signature = step.uses === null ? undefined : input.catalogue.get(step.uses);
  const value = Object.hasOwn(written, "system") ? written["system"] : undefined;
  if (value === undefined || signature === undefined || !fieldNames(signature.with, []).includes("system"))
    return undefined;
  const name = substitute(value, { params, system: undefined }, () => undefined);
  return typeof name === "string" && !hasTemplate(name) ? name : undefined;
}

function withoutUndefined({ code, message, hint }: Problem) {
  return hint === undefined ? { code, message } : { code, message, hint };
}
