import { FiredrillError } from "../support/errors.ts";
import type { JsonValue } from "../support/json.ts";
import { printable } from "../support/printable.ts";
import { lookup } from "./lookup.ts";

/**
 * `${{ path }}`: a value by path and nothing more. No operators, no calls, no indexing by expression; a path walks own
 * properties of JSON values. What was put in is never read again for templates, so that a value cannot bring one in.
 */
export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "path"; readonly path: readonly string[]; readonly offset: number; readonly source: string };

export type TemplateResult =
  | { readonly kind: "template"; readonly parts: readonly TemplatePart[] }
  | {
      readonly kind: "error";
      readonly code: TemplateFault;
      readonly message: string;
      readonly hint: string;
      readonly offset: number;
    };

export type TemplateFault = "TEMPLATE_UNCLOSED" | "TEMPLATE_SYNTAX" | "TEMPLATE_CODE";

const OPEN = "${{";
const CLOSE = "}}";
const MAX_PATH_LENGTH = 512;
const PATH = /^[A-Za-z_][A-Za-z0-9_-]*(?:\.(?:[A-Za-z_][A-Za-z0-9_-]*|\d{1,6}))*$/u;

export function hasTemplate(text: string): boolean {
  return text.includes(OPEN);
}

/** Does any text in the value hold a template? */
export function containsTemplate(value: JsonValue): boolean {
  if (typeof value === "string") return hasTemplate(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(containsTemplate);
}

export function parseTemplate(text: string): TemplateResult {
  const parts: TemplatePart[] = [];
  let from = 0;
  for (let open = text.indexOf(OPEN); open !== -1; open = text.indexOf(OPEN, from)) {
    if (open > from) parts.push({ kind: "text", text: text.slice(from, open) });
    const close = text.indexOf(CLOSE, open + OPEN.length);
    if (close === -1) return problem("TEMPLATE_UNCLOSED", "template is not closed", "end it with }}", open);
    const source = text.slice(open, close + CLOSE.length);
    const path = text.slice(open + OPEN.length, close).trim();
    if (path.length > MAX_PATH_LENGTH || !PATH.test(path)) return badPath(path, open);
    parts.push({ kind: "path", path: path.split("."), offset: open, source });
    from = close + CLOSE.length;
  }
  if (from < text.length) parts.push({ kind: "text", text: text.slice(from) });
  return { kind: "template", parts };
}

function badPath(path: string, offset: number): TemplateResult {
  if (/^[\w.\s-]*$/u.test(path))
    return problem(
      "TEMPLATE_SYNTAX",
      `"${printable(path)}" is not a path`,
      "write ${{ params.name }} or ${{ steps.id.outputs.field }}",
      offset,
    );
  return problem(
    "TEMPLATE_CODE",
    `"${printable(path)}" is code, a template takes a path only`,
    "compute in a step; when: and expect: take CEL",
    offset,
  );
}

function problem(code: TemplateFault, message: string, hint: string, offset: number): TemplateResult {
  return { kind: "error", code, message, hint, offset };
}

/** What `${{ }}` can name at run time. */
export interface TemplateScope {
  readonly params: Readonly<Record<string, JsonValue>>;
  /** A system snapshot, or null. */
  readonly system: object | null;
  readonly steps: Readonly<Record<string, { readonly outputs: Readonly<Record<string, JsonValue>> }>>;
  /** See {@link RUN_FIELDS}. */
  readonly run: Readonly<Record<string, JsonValue>>;
}

/** What `run.` holds: the engine fills them from `run.started`. */
export const RUN_FIELDS = ["id", "installation", "seed", "mode"] as const;

/**
 * Puts values in, deep. A text that is one template keeps the value's type; inside a longer text, a text, number or
 * boolean is written out. Throws `TEMPLATE_UNRESOLVED` when a path is not there, `TEMPLATE_NOT_TEXT` for a list or map
 * inside a text.
 */
export function resolveTemplates(value: JsonValue, scope: TemplateScope): JsonValue {
  if (typeof value === "string") return hasTemplate(value) ? resolveText(value, scope) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => resolveTemplates(item, scope));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveTemplates(item, scope)]));
}

function resolveText(text: string, scope: TemplateScope): JsonValue {
  const template = parseTemplate(text);
  if (template.kind === "error") throw new FiredrillError(template.code, template.message, { hint: template.hint });
  const [only] = template.parts;
  if (template.parts.length === 1 && only?.kind === "path") return valueOf(only, scope);
  return template.parts
    .map((part) => (part.kind === "text" ? part.text : asText(valueOf(part, scope), part.source)))
    .join("");
}

type PathPart = Extract<TemplatePart, { readonly kind: "path" }>;

function valueOf(part: PathPart, scope: TemplateScope): JsonValue {
  const found = lookup({ params: scope.params, system: scope.system, steps: scope.steps, run: scope.run }, part.path);
  if (found.kind === "found") return found.value;
  throw new FiredrillError("TEMPLATE_UNRESOLVED", `${printable(part.source)} names nothing: ${found.message}`, {
    hint: "a step that was skipped or failed has no outputs",
  });
}

/** Lists, maps and null have no one spelling inside a text. */
export function asText(value: JsonValue, source: string): string {
  if (typeof value !== "object") return String(value);
  throw new FiredrillError(
    "TEMPLATE_NOT_TEXT",
    `${printable(source)} is ${value === null ? "empty" : "a list or map"}, it cannot stand inside a text`,
    {
      hint: "make the template the whole value, or name a field of it",
    },
  );
}
