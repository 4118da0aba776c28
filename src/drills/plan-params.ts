import type { Fault } from "../support/errors.ts";
import type { JsonObject, JsonValue } from "../support/json.ts";
import { printable, show } from "../support/printable.ts";
import { suggestionHint } from "../support/suggest.ts";
import type { BuildPlanInput } from "./build-plan.ts";
import { paramFromText } from "./params.ts";
import type { ParamSpec } from "./playbook-schema.ts";
import { place } from "./yaml-tree.ts";

/**
 * Declared parameters with the values given, else their defaults, else null where they are not required. One that has a
 * fault is left out: what uses it stays open and is not complained about again.
 */
export function planParams(input: BuildPlanInput, faults: Fault[]): JsonObject {
  const { spec } = input.playbook;
  const declared = new Map(Object.entries(spec.params));
  const given = new Map(isMap(input.params) ? input.params : Object.entries(input.params));
  for (const name of given.keys()) {
    if (!declared.has(name))
      faults.push(
        onCommandLine(name, {
          code: "UNKNOWN_PARAM",
          message: `there is no parameter ${show(name)}`,
          hint: suggestionHint(name, declared.keys()) ?? "the playbook declares none",
        }),
      );
  }
  return Object.fromEntries(
    [...declared].flatMap(([name, param]) => {
      const value = valueOf(input, name, param, given.get(name), faults);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

function valueOf(
  input: BuildPlanInput,
  name: string,
  spec: ParamSpec,
  text: string | undefined,
  faults: Fault[],
): JsonValue | undefined {
  if (text !== undefined) {
    const result = paramFromText(spec, text);
    if (result.kind === "value") return result.value;
    faults.push(onCommandLine(name, result));
    return undefined;
  }
  if (spec.default !== undefined)
    return typeof spec.default === "number" && spec.type === "duration" ? String(spec.default) : spec.default;
  if (spec.required === false) return null;
  const { draft } = input.playbook.check;
  const { keyOffset } = place(draft.root, ["params", name]);
  faults.push(
    draft.source.fault(
      keyOffset,
      "MISSING_PARAM",
      `parameter ${show(name)} has no value and no default`,
      `give it: --param ${printable(name)}=...`,
    ),
  );
  return undefined;
}

function onCommandLine(
  name: string,
  { code, message, hint }: { readonly code: string; readonly message: string; readonly hint?: string | undefined },
): Fault {
  return {
    file: `--param ${printable(name, 63)}`,
    line: 0,
    col: 0,
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
  };
}

function isMap(params: BuildPlanInput["params"]): params is ReadonlyMap<string, string> {
  return params instanceof Map;
}
