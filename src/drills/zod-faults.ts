import type { z } from "zod";
import type { Fault } from "../support/errors.ts";
import type { JsonValue } from "../support/json.ts";
import { show, showType } from "../support/printable.ts";
import { suggestionHint } from "../support/suggest.ts";
import { fieldNames } from "./schema-walk.ts";
import type { SourceText } from "./yaml-text.ts";
import { type Path, place, type YamlNode } from "./yaml-tree.ts";

/**
 * Zod issues to faults with positions. A refinement gives its own code by its message: `CODE: sentence`, and a hint
 * on a second line. Everything else is one of UNKNOWN_FIELD, MISSING_FIELD, WRONG_TYPE, INVALID_VALUE.
 */
export interface FaultContext {
  readonly source: SourceText;
  readonly root: YamlNode;
  /** Where in the document the checked value stands. */
  readonly base: Path;
  /** For "did you mean". */
  readonly schema: unknown;
  readonly value: JsonValue;
  /** Put before the general codes: `WITH_`. */
  readonly prefix: string;
}

type Issue = z.core.$ZodIssue;

interface Said {
  readonly path: Path;
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  /** What of the entry the fault is about. */
  readonly about: "key" | "value";
}

/** More are never shown, and each costs a search for its place. */
const MAX_ISSUES = 500;
const MAX_KEYS = 20;

export function issuesToFaults(issues: readonly Issue[], context: FaultContext): readonly Fault[] {
  return issues
    .slice(0, MAX_ISSUES)
    .flatMap((issue) => say(issue, [], context))
    .flatMap((said) => located(said, context));
}

function located(said: Said, context: FaultContext): readonly Fault[] {
  const spot = place(context.root, [...context.base, ...said.path]);
  if (spot.tainted) return [];
  return [
    context.source.fault(said.about === "key" ? spot.keyOffset : spot.valueOffset, said.code, said.message, said.hint),
  ];
}

const CODED = /^([A-Z][A-Z0-9_]{2,60}): ([^\n]*)(?:\n([^]*))?$/u;

function say(issue: Issue, before: Path, context: FaultContext): readonly Said[] {
  const path = [...before, ...issue.path.map((segment) => (typeof segment === "number" ? segment : String(segment)))];
  const coded = CODED.exec(issue.message);
  if (coded !== null) return [{ path, about: "value", code: coded[1] ?? "", message: coded[2] ?? "", hint: coded[3] }];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.slice(0, MAX_KEYS).map((key) => unknownField(path, key, context));
    case "invalid_type":
      return [wrongType(issue.expected, path, context)];
    case "invalid_value":
      return [invalidChoice(issue.values, path, context)];
    case "invalid_union":
      return nearestBranch(issue.errors).flatMap((each) => say(each, path, context));
    case "invalid_key":
      return issue.issues.flatMap((each) => say(each, path, context)).map((said) => ({ ...said, path, about: "key" }));
    case "too_big":
      return [invalid(`it must be at most ${String(issue.maximum)}${unit(issue.origin)}`, path, context)];
    case "too_small":
      return [invalid(`it must be at least ${String(issue.minimum)}${unit(issue.origin)}`, path, context)];
    case "invalid_element":
    case "invalid_format":
    case "not_multiple_of":
    case "custom":
      return [invalid(issue.message, path, context)];
    default:
      return issue satisfies never;
  }
}

function unknownField(path: Path, key: string, context: FaultContext): Said {
  const hint = suggestionHint(key, fieldNames(context.schema, path));
  return {
    path: [...path, key],
    about: "key",
    code: `${context.prefix}UNKNOWN_FIELD`,
    message: `unknown field ${show(key)}`,
    hint,
  };
}

const TYPE_NAMES: ReadonlyMap<string, string> = new Map([
  ["object", "a map"],
  ["record", "a map"],
  ["array", "a list"],
  ["string", "text"],
  ["number", "a number"],
  ["int", "a whole number"],
  ["boolean", "true or false"],
  ["null", "empty"],
]);

function wrongType(expected: string, path: Path, context: FaultContext): Said {
  const value = valueAt(context.value, path);
  const field = show(fieldName(path, context));
  if (value === undefined) {
    return {
      path,
      about: "key",
      code: `${context.prefix}MISSING_FIELD`,
      message: `missing field ${field}`,
      hint: `add ${field.slice(1, -1)}:`,
    };
  }
  const wanted = TYPE_NAMES.get(expected) ?? expected;
  const message = `${field} must be ${wanted}, is ${described(value, path, context)}`;
  return {
    path,
    about: "value",
    code: `${context.prefix}WRONG_TYPE`,
    message,
    hint: expected === "string" && value !== null ? "quote it" : undefined,
  };
}

function invalidChoice(values: readonly unknown[], path: Path, context: FaultContext): Said {
  const value = valueAt(context.value, path);
  const field = fieldName(path, context);
  if (value === undefined) return wrongType("string", path, context);
  const hint = suggestionHint(typeof value === "string" ? value : "", values.map(String));
  const message = `${show(field)} must be ${values.map(show).join(" or ")}, is ${described(value, path, context)}`;
  return { path, about: "value", code: `${context.prefix}INVALID_VALUE`, message, hint };
}

function invalid(message: string, path: Path, context: FaultContext): Said {
  const field = show(fieldName(path, context));
  const sentence = `${field} is not valid: ${message}; it is ${described(valueAt(context.value, path), path, context)}`;
  return { path, about: "value", code: `${context.prefix}INVALID_VALUE`, message: sentence };
}

/** `timeout`, or `needs[1]` for what stands in a list. */
function fieldName(path: Path, { base }: FaultContext): string {
  const whole = [...base, ...path];
  const from = whole.findLastIndex((segment) => typeof segment === "string");
  if (from === -1) return "document";
  return whole
    .slice(from)
    .map((segment) => (typeof segment === "number" ? `[${segment}]` : segment))
    .join("");
}

const SECRET_FIELDS = /^(?:credentials|password|secret|token)$/iu;

/** What stands there instead, unless it may be a secret. */
function described(value: JsonValue | undefined, path: Path, { base }: FaultContext): string {
  const hidden = [...base, ...path].some((segment) => SECRET_FIELDS.test(String(segment)));
  return hidden ? "something else (not shown)" : showType(value);
}

function unit(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" ? " entries" : "";
}

/** Of a union's branches the one that got furthest into the value; on a tie the one with the fewest complaints. */
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const depth = (issues: readonly Issue[]): number => Math.max(0, ...issues.map((issue) => issue.path.length));
  const ranked = branches.toSorted((a, b) => depth(b) - depth(a) || rank(a) - rank(b) || a.length - b.length);
  return ranked[0] ?? [];
}

function rank(issues: readonly Issue[]): number {
  return issues.some((issue) => issue.code === "invalid_type" && issue.path.length === 0) ? 1 : 0;
}

export function valueAt(value: JsonValue | undefined, path: Path): JsonValue | undefined {
  let current: JsonValue | undefined = value;
  for (const segment of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, segment)) return undefined;
    // Own property of a JSON array or object, just checked.
    current = (current as Readonly<Record<string | number, JsonValue>>)[segment];
  }
  return current;
}
