import { Environment } from "@marcbachmann/cel-js";
import type { JsonValue } from "../support/json.ts";
import { printable } from "../support/printable.ts";
import { readReferences, type Reference } from "./condition-references.ts";
import type { TemplateScope } from "./template.ts";

/**
 * `when:` and `expect:` in CEL (github.com/google/cel-spec), cut down so that time and memory are bounded by the text's
 * length: no macro inside another's body, nothing that multiplies data (`map`, `join`, `split`, `cel.bind`), no regular
 * expressions (`matches` would run on a backtracking engine).
 */
export interface ConditionScope extends TemplateScope {
  /** Of the step itself; `expect:` only. */
  readonly outputs?: Readonly<Record<string, JsonValue>>;
}

export type ConditionCheck =
  | { readonly kind: "ok"; readonly references: readonly Reference[] }
  | { readonly kind: "error"; readonly message: string; readonly hint: string; readonly offset: number };

export type ConditionResult =
  | { readonly kind: "value"; readonly value: boolean }
  | { readonly kind: "error"; readonly message: string };

const MAX_LENGTH = 2000;
const LIMITS = { maxAstNodes: 500, maxDepth: 32, maxListElements: 200, maxMapEntries: 50, maxCallArguments: 8 };
const ROOTS = ["params", "system", "steps", "run"] as const;

/** Names that `when:` may use; `expect:` may use `outputs` too. */
export type ConditionPlace = "when" | "expect";

const WHEN = ROOTS.reduce((env, name) => env.registerVariable(name, "dyn"), new Environment({ limits: LIMITS }));
const EXPECT = WHEN.clone().registerVariable("outputs", "dyn");

export function checkCondition(text: string, at: ConditionPlace): ConditionCheck {
  if (text.length > MAX_LENGTH) return refusal(`condition is longer than ${MAX_LENGTH} characters`, "simplify it", 0);
  if (text.includes("${{"))
    return refusal("a condition takes names as they are, not ${{ }}", "write params.name == 'x'", text.indexOf("${{"));
  try {
    const parsed = environment(at).parse(text);
    const bounded = readReferences(parsed.ast);
    if (bounded.kind === "refused") return refusal(bounded.message, bounded.hint, bounded.offset);
    const types = parsed.check();
    if (!types.valid) return fromError(types.error, text);
    if (types.type === "bool" || types.type === "dyn") return { kind: "ok", references: bounded.references };
    return refusal(`condition gives ${types.type ?? "no value"}, not true or false`, "compare it with something", 0);
  } catch (error) {
    return fromError(error, text);
  }
}

function environment(at: ConditionPlace): Environment {
  return at === "when" ? WHEN : EXPECT;
}

function refusal(message: string, hint: string, offset: number): ConditionCheck {
  return { kind: "error", message, hint, offset };
}

function fromError(error: unknown, text: string): ConditionCheck {
  const { message, offset } = describe(error);
  const hyphen = text.includes("-") && message.startsWith("Unknown variable");
  return refusal(
    message,
    hyphen
      ? 'a name with a hyphen is written steps["the-name"]'
      : "CEL: params.x == 'y' && steps.restore.outputs.files > 0",
    offset,
  );
}

/** The library's errors carry a summary without the source excerpt, and a range. */
function describe(error: unknown): { readonly message: string; readonly offset: number } {
  const summary = read(error, "summary") ?? read(error, "message");
  const start = read(read(error, "range"), "start");
  return {
    message: printable(typeof summary === "string" ? summary : String(error), 160),
    offset: typeof start === "number" ? start : 0,
  };
}

function read(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** Never throws; a name that is not there, and an answer that is no boolean, are errors. */
export function evaluateCondition(text: string, scope: ConditionScope): ConditionResult {
  const at = scope.outputs === undefined ? "when" : "expect";
  const checked = checkCondition(text, at);
  if (checked.kind === "error") return { kind: "error", message: checked.message };
  try {
    const value: unknown = environment(at).parse(text)(context(scope));
    if (typeof value === "boolean") return { kind: "value", value };
    return { kind: "error", message: "condition did not give true or false" };
  } catch (error) {
    return { kind: "error", message: describe(error).message };
  }
}

function context(scope: ConditionScope): Record<string, unknown> {
  const { params, system, steps, run, outputs } = scope;
  const values = { params, system, steps, run, ...(outputs === undefined ? {} : { outputs }) };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toCel(value)]));
}

/** Maps have no prototype to walk into; whole numbers are CEL ints, so that `count % 2 == 0` works. */
function toCel(value: unknown): unknown {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, toCel(item)]));
}
