import type { Definition, SchemaKind, SchemaSnapshot } from "../ports/checks.ts";

const SINGULAR: Readonly<Record<SchemaKind, string>> = {
  tables: "table",
  columns: "column",
  indexes: "index",
  constraints: "constraint",
  sequences: "sequence",
  views: "view",
  functions: "function",
  triggers: "trigger",
  extensions: "extension",
};
const KINDS = Object.keys(SINGULAR).filter((name): name is SchemaKind => Object.hasOwn(SINGULAR, name));

/** How many definitions there are, of all kinds. */
export function definitionCount(schema: SchemaSnapshot): number {
  return KINDS.reduce((sum, kind) => sum + Object.keys(schema[kind]).length, 0);
}

/** What differs, one sentence each: `index public.orders_day is missing`, `column public.orders.total: type is bigint, was numeric(10,2)`. */
export function schemaDifferences(baseline: SchemaSnapshot, copy: SchemaSnapshot): readonly string[] {
  const gone = new Set(Object.keys(baseline.tables).filter((name) => !Object.hasOwn(copy.tables, name)));
  const fresh = new Set(Object.keys(copy.tables).filter((name) => !Object.hasOwn(baseline.tables, name)));
  return KINDS.flatMap((kind) => {
    const before = baseline[kind];
    const now = copy[kind];
    const missing = Object.keys(before).filter((name) => !Object.hasOwn(now, name) && !isPartOf(kind, name, gone));
    const added = Object.keys(now).filter((name) => !Object.hasOwn(before, name) && !isPartOf(kind, name, fresh));
    return [
      ...missing.map((name) => `${SINGULAR[kind]} ${name} is missing`),
      ...Object.entries(before).flatMap(([name, definition]) => changes(kind, name, definition, now[name])),
      ...added.map((name) => `${SINGULAR[kind]} ${name} was not there`),
    ];
  });
}

/** A missing table is told once, not with each of its columns. */
function isPartOf(kind: SchemaKind, name: string, tables: ReadonlySet<string>): boolean {
  if (kind !== "columns" && kind !== "constraints" && kind !== "triggers") return false;
  return tables.values().some((table) => name.startsWith(`${table}.`));
}

function changes(kind: SchemaKind, name: string, before: Definition, now: Definition | undefined): readonly string[] {
  if (now === undefined) return [];
  const attributes = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  return attributes
    .filter((attribute) => before[attribute] !== now[attribute])
    .map((attribute) => `${SINGULAR[kind]} ${name}: ${describe(attribute, before[attribute], now[attribute])}`);
}

function describe(attribute: string, before: string | undefined, now: string | undefined): string {
  if (attribute === "sha256") return "its definition changed";
  return `${attribute} is ${shown(now)}, was ${shown(before)}`;
}

function shown(value: string | undefined): string {
  return value === undefined || value === "" ? "none" : value;
}
