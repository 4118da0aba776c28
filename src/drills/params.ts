import { parseDuration } from "../support/duration.ts";
import type { JsonValue } from "../support/json.ts";
import { show, showType } from "../support/printable.ts";
import { suggestionHint } from "../support/suggest.ts";
import type { ParamSpec } from "./playbook-schema.ts";
import { hasTemplate } from "./template.ts";
import { forbiddenCharacter } from "./yaml-text.ts";

/** A parameter's value as its declaration types it. Durations stay text. */
export type ParamResult =
  | { readonly kind: "value"; readonly value: JsonValue }
  | { readonly kind: "error"; readonly code: string; readonly message: string; readonly hint?: string | undefined };

const MAX_LENGTH = 10_000;

/** From `--param name=text`. */
export function paramFromText(spec: ParamSpec, text: string): ParamResult {
  if (spec.type === "integer")
    return /^-?\d{1,16}$/u.test(text) ? typedParam(spec, Number(text)) : wrongType(spec, text);
  if (spec.type === "boolean")
    return text === "true" || text === "false" ? typedParam(spec, text === "true") : wrongType(spec, text);
  return typedParam(spec, text);
}

/** From a YAML value or a parsed text. */
export function typedParam(spec: ParamSpec, value: JsonValue): ParamResult {
  switch (spec.type) {
    case "integer":
      return Number.isSafeInteger(value) ? { kind: "value", value: value === 0 ? 0 : value } : wrongType(spec, value);
    case "boolean":
      return typeof value === "boolean" ? { kind: "value", value } : wrongType(spec, value);
    case "string":
      return typeof value === "string" ? plainText(value) : wrongType(spec, value);
    case "duration":
      return durationParam(spec, value);
    case "enum":
      return enumParam(spec, value);
    default:
      return spec.type satisfies never;
  }
}

const EXAMPLES = {
  integer: "as in 5",
  boolean: "true or false",
  string: "quote it",
  duration: "as in 15m",
  enum: "one of its values",
} as const;

function wrongType(spec: ParamSpec, value: JsonValue): ParamResult {
  return {
    kind: "error",
    code: "PARAM_TYPE",
    message: `value is ${showType(value)}, the parameter is of type ${spec.type}`,
    hint: EXAMPLES[spec.type],
  };
}

/** A value must not bring in a template of its own, nor characters that a playbook could not hold. */
function plainText(value: string): ParamResult {
  if (value.length > MAX_LENGTH)
    return { kind: "error", code: "PARAM_VALUE", message: `value is longer than ${MAX_LENGTH} characters` };
  if (hasTemplate(value))
    return {
      kind: "error",
      code: "TEMPLATE_NOT_ALLOWED",
      message: "a parameter's value takes no templates",
      hint: "write the value",
    };
  const forbidden = forbiddenCharacter(value);
  if (forbidden !== undefined)
    return { kind: "error", code: "PARAM_VALUE", message: `value has a ${forbidden.message}`, hint: forbidden.hint };
  return { kind: "value", value };
}

function durationParam(spec: ParamSpec, value: JsonValue): ParamResult {
  if (typeof value !== "string" && typeof value !== "number") return wrongType(spec, value);
  const duration = parseDuration(String(value));
  return duration.kind === "value" ? { kind: "value", value: String(value) } : duration;
}

function enumParam(spec: ParamSpec, value: JsonValue): ParamResult {
  if (typeof value !== "string") return wrongType(spec, value);
  const values = spec.values ?? [];
  if (values.includes(value)) return plainText(value);
  return {
    kind: "error",
    code: "PARAM_VALUE",
    message: `value ${show(value)} is not one of ${values.slice(0, 12).map(show).join(", ")}`,
    hint: suggestionHint(value, values),
  };
}
