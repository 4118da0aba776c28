import { FiredrillError } from "../support/errors.ts";
import type { JsonObject, JsonValue } from "../support/json.ts";
import { printable } from "../support/printable.ts";
import type { SystemSnapshot } from "./inventory.ts";
import { lookup } from "./lookup.ts";
import type { Problem } from "./playbook-check.ts";
import { asText, hasTemplate, parseTemplate, type TemplatePart } from "./template.ts";
import type { Path } from "./yaml-tree.ts";

export interface PlanScope {
  readonly params: JsonObject;
  /** Undefined: leave `system.` templates as they are. Null: there is none, naming it is a fault. */
  readonly system: SystemSnapshot | null | undefined;
}

export type Complain = (path: Path, problem: Problem) => void;

/** Puts parameters and system values in; `${{ steps.* }}` and `${{ run.* }}` stay as text for the run. */
export function substitute(value: JsonValue, scope: PlanScope, complain: Complain, path: Path = []): JsonValue {
  if (typeof value === "string")
    return hasTemplate(value) ? substituteText(value, scope, (problem) => complain(path, problem)) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value))
    return value.map((item: JsonValue, index) => substitute(item, scope, complain, [...path, index]));
  return substituteObject(value as JsonObject, scope, complain, path);
}

export function substituteObject(value: JsonObject, scope: PlanScope, complain: Complain, path: Path = []): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, substitute(item, scope, complain, [...path, key])]),
  );
}

function substituteText(text: string, scope: PlanScope, complain: (problem: Problem) => void): JsonValue {
  const template = parseTemplate(text);
  if (template.kind === "error") {
    complain(template);
    return text;
  }
  const [only] = template.parts;
  const parts = template.parts.map((part) => known(part, scope, complain));
  if (template.parts.length === 1 && only?.kind === "path") return parts[0]?.kind === "known" ? parts[0].value : text;
  return join(parts, text, complain);
}

type Part =
  | { readonly kind: "known"; readonly value: JsonValue; readonly source: string }
  | { readonly kind: "open"; readonly source: string };

function known(part: TemplatePart, scope: PlanScope, complain: (problem: Problem) => void): Part {
  if (part.kind === "text") return { kind: "known", value: part.text, source: part.text };
  const [root] = part.path;
  const open: Part = { kind: "open", source: part.source };
  if (root !== "params" && root !== "system") return open;
  if (root === "system" && scope.system === undefined) return open;
  if (root === "system" && scope.system === null) {
    complain({
      code: "MISSING_SYSTEM",
      message: `${printable(part.source)} needs a system`,
      hint: "choose one: --system <name>",
    });
    return open;
  }
  const found = lookup({ params: scope.params, system: scope.system }, part.path);
  if (found.kind === "found") return { kind: "known", value: found.value, source: part.source };
  // Undeclared ones were found when the playbook was read: this one has no usable value, which was said.
  if (root === "params") return open;
  complain({ code: "TEMPLATE_UNRESOLVED", message: `${printable(part.source)} names nothing: ${found.message}` });
  return open;
}

/** Values must not make up a template between them that nobody wrote. */
function join(parts: readonly Part[], original: string, complain: (problem: Problem) => void): string {
  try {
    const text = parts.map((part) => (part.kind === "open" ? part.source : asText(part.value, part.source))).join("");
    const open = parts.filter((part) => part.kind === "open").length;
    const written = parseTemplate(text);
    if (written.kind === "template" && written.parts.filter((part) => part.kind === "path").length === open)
      return text;
    complain({
      code: "TEMPLATE_NOT_ALLOWED",
      message: "the values put in make a new template",
      hint: "a value must not contain ${{",
    });
  } catch (error) {
    if (!(error instanceof FiredrillError)) throw error;
    complain({ code: error.code, message: error.message, hint: error.hint });
  }
  return original;
}
