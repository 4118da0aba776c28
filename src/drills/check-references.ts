import { show } from "../support/printable.ts";
import { suggestionHint } from "../support/suggest.ts";
import type { PlaybookCheck, Problem } from "./playbook-check.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import { fieldNames, schemasAt } from "./schema-walk.ts";
import { RUN_FIELDS } from "./template.ts";
import { valueAt } from "./zod-faults.ts";

/** Fields of a system snapshot, for paths that begin with `system`. */
const SYSTEM_FIELDS = [
  "name",
  "engine",
  "environment",
  "owner",
  "tier",
  "tags",
  "endpoints",
  "credentials",
  "backups",
  "heartbeat",
  "newest",
  "objectives",
  "extra",
] as const;

/** Does a path name something that will be there when the step runs? Undefined: it does. */
export function referenceProblem(
  check: PlaybookCheck,
  step: WrittenStep,
  path: readonly string[],
  whole: boolean,
): Problem | undefined {
  const [root = "", ...rest] = path;
  switch (root) {
    case "params":
      return oneOf(rest, paramNames(check), "UNKNOWN_PARAM", "parameter", whole) ?? scalarOnly(rest);
    case "system":
      return oneOf(rest, SYSTEM_FIELDS, "UNKNOWN_SYSTEM_FIELD", "field of a system", whole);
    case "run":
      return oneOf(rest, RUN_FIELDS, "UNKNOWN_RUN_FIELD", "field of a run", whole);
    case "steps":
      return stepProblem(check, step, rest, whole);
    case "outputs":
      return whole ? unknownRoot(root) : outputProblem(check, step, rest);
    default:
      return unknownRoot(root);
  }
}

function unknownRoot(root: string): Problem {
  const known = ["params", "system", "steps", "run"];
  return { code: "UNKNOWN_ROOT", message: `${show(root)} is not known here`, hint: suggestionHint(root, known) };
}

function paramNames({ draft }: PlaybookCheck): readonly string[] {
  const declared = valueAt(draft.value, ["params"]);
  return typeof declared === "object" && declared !== null ? Object.keys(declared) : [];
}

function oneOf(
  rest: readonly string[],
  known: readonly string[],
  code: string,
  what: string,
  whole: boolean,
): Problem | undefined {
  const [name] = rest;
  if (name === undefined)
    return whole
      ? { code: "REFERENCE_INCOMPLETE", message: `the path names no ${what}`, hint: suggestionHint("", known) }
      : undefined;
  if (known.includes(name)) return undefined;
  return {
    code,
    message: `there is no ${what} ${show(name)}`,
    hint: suggestionHint(name, known) ?? "declare it under params",
  };
}

function scalarOnly(rest: readonly string[]): Problem | undefined {
  if (rest.length < 2) return undefined;
  return {
    code: "UNKNOWN_PARAM",
    message: `parameter ${show(rest[0])} has no fields`,
    hint: "a parameter is one value",
  };
}

function stepProblem(
  check: PlaybookCheck,
  step: WrittenStep,
  rest: readonly string[],
  whole: boolean,
): Problem | undefined {
  const [id, outputs, ...path] = rest;
  if (id === undefined)
    return whole
      ? { code: "REFERENCE_INCOMPLETE", message: "the path names no step", hint: "steps.<id>.outputs.<field>" }
      : undefined;
  const named = check.graph.byId.get(id);
  if (named === undefined)
    return {
      code: "UNKNOWN_STEP_ID",
      message: `no step has the id ${show(id)}`,
      hint: suggestionHint(id, check.graph.byId.keys()),
    };
  if (named === step)
    return { code: "STEP_NOT_BEFORE", message: `step ${show(id)} names itself`, hint: "name a step before it" };
  if (!needsUnknown(check, step) && !check.graph.isBefore(named, step)) {
    const message = `step ${show(id)} has not ended when step ${show(step.id)} starts`;
    return {
      code: "STEP_NOT_BEFORE",
      message,
      hint: named.phase === step.phase ? `add needs: [${id}]` : `it is in phase ${named.phase}`,
    };
  }
  if (outputs === undefined)
    return whole
      ? { code: "REFERENCE_INCOMPLETE", message: "the path names no output", hint: `steps.${id}.outputs.<field>` }
      : undefined;
  if (outputs !== "outputs")
    return { code: "UNKNOWN_OUTPUT", message: `a step has no ${show(outputs)}`, hint: `steps.${id}.outputs.<field>` };
  return outputProblem(check, named, path);
}

/** Misspelt needs have their own fault; what they were to bring about cannot be judged. */
function needsUnknown({ graph }: PlaybookCheck, step: WrittenStep): boolean {
  return step.spec?.needs?.some((id) => !graph.byId.has(id)) ?? false;
}

function outputProblem(check: PlaybookCheck, step: WrittenStep, path: readonly string[]): Problem | undefined {
  const signature = step.uses === null ? undefined : check.catalogue.get(step.uses);
  if (signature === undefined || schemasAt(signature.outputs, path).length > 0) return undefined;
  const known = path.findIndex((_, index) => schemasAt(signature.outputs, path.slice(0, index + 1)).length === 0);
  const hint = suggestionHint(path[known] ?? "", fieldNames(signature.outputs, path.slice(0, known)));
  return {
    code: "UNKNOWN_OUTPUT",
    message: `${signature.uses} has no output ${show(path.slice(0, known + 1).join("."))}`,
    hint: hint ?? "it has no fields",
  };
}
