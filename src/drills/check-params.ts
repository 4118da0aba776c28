import type { Fault } from "../support/errors.ts";
import { show } from "../support/printable.ts";
import { faultAt, type PlaybookCheck } from "./playbook-check.ts";
import { typedParam } from "./params.ts";
import type { ParamSpec } from "./playbook-schema.ts";

/** Declarations that hold together: an enum has values, a default fits its type. */
export function checkParams({ draft }: PlaybookCheck): readonly Fault[] {
  return Object.entries(draft.spec?.params ?? {}).flatMap(([name, spec]) => {
    const path = ["params", name];
    return [
      ...valuesFault(name, spec).flatMap((problem) => faultAt(draft, path, problem, "key")),
      ...defaultFaults(name, spec).flatMap((problem) => faultAt(draft, [...path, "default"], problem)),
    ];
  });
}

function valuesFault(name: string, spec: ParamSpec) {
  if (spec.type === "enum" && spec.values === undefined)
    return [{ code: "PARAM_VALUES", message: `enum ${show(name)} has no values`, hint: "add values: [a, b]" }];
  if (spec.type !== "enum" && spec.values !== undefined)
    return [
      {
        code: "PARAM_VALUES",
        message: `${show(name)} has values, but is of type ${spec.type}`,
        hint: "write type: enum",
      },
    ];
  return [];
}

function defaultFaults(name: string, spec: ParamSpec) {
  if (spec.default === undefined || (spec.type === "enum" && spec.values === undefined)) return [];
  if (spec.required === true)
    return [
      {
        code: "PARAM_REQUIRED_DEFAULT",
        message: `${show(name)} is required and has a default`,
        hint: "keep one of the two",
      },
    ];
  const typed = typedParam(spec, spec.default);
  return typed.kind === "value" ? [] : [{ ...typed, message: `default of ${show(name)}: ${typed.message}` }];
}
