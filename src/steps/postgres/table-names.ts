import { StepError } from "../../drills/step-error.ts";
import { suggest } from "../../support/suggest.ts";
import { printable } from "../../support/printable.ts";
import type { Session } from "../ports/postgres.ts";

/** A table as it was asked for, found by the server's own rules of quoting and case (manual: 4.1.1, `to_regclass`). */
export type NamedTable =
  | { readonly kind: "found"; readonly oid: string; readonly name: string; readonly asked: string }
  | { readonly kind: "missing"; readonly asked: string; readonly near: string | null };

type FoundRow = { readonly oid: string; readonly name: string; readonly relkind: string };

/** Relations that have rows: tables, partitioned and foreign tables, views, materialized views. */
const WITH_ROWS = new Set(["r", "p", "f", "v", "m"]);

/** Errors: `TABLE_NAME` when the text is no name at all. `name` is quoted where needed and can stand in SQL. */
export async function findTable(session: Session, asked: string): Promise<NamedTable> {
  await requireName(session, asked);
  const [row] = await session.query<FoundRow>(
    `select c.oid::text as oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as name, c.relkind::text as relkind
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.oid = pg_catalog.to_regclass($1)::pg_catalog.oid`,
    [asked],
  );
  if (row !== undefined && WITH_ROWS.has(row.relkind)) return { kind: "found", oid: row.oid, name: row.name, asked };
  return { kind: "missing", asked, near: await nearName(session, asked) };
}

/** `to_regclass` is silent about a text that is no name since PostgreSQL 16; `parse_ident` is not (22023). */
async function requireName(session: Session, asked: string): Promise<void> {
  const parts = await session
    .query<{ readonly n: number }>("select pg_catalog.cardinality(pg_catalog.parse_ident($1)) as n", [asked])
    .catch((error: unknown) => {
      if (error instanceof StepError && error.details["sqlstate"] === "22023") return [];
      throw error;
    });
  const n = parts[0]?.n ?? 0;
  if (n === 1 || n === 2) return;
  throw new StepError("permanent", "TABLE_NAME", `"${printable(asked)}" is not the name of a table`, {
    hint: 'write schema.table, with quotes where the name has capitals: public."Orders"',
  });
}

const MAX_NAMES = 5000;

/** Compares with the full name and with the part after the schema, so that a wrong schema is a near miss as well. */
async function nearName(session: Session, asked: string): Promise<string | null> {
  const rows = await session.query<{ readonly schema: string; readonly table: string }>(
    `select pg_catalog.quote_ident(n.nspname) as schema, pg_catalog.quote_ident(c.relname) as table
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'f', 'v', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     order by 1, 2 limit $1`,
    [MAX_NAMES],
  );
  const full = new Map(rows.map(({ schema, table }) => [`${schema}.${table}`, `${schema}.${table}`]));
  const short = new Map(rows.map(({ schema, table }) => [table, `${schema}.${table}`]));
  const near = suggest(asked, full.keys());
  if (near !== undefined) return near;
  const nearShort = suggest(asked.slice(asked.lastIndexOf(".") + 1), short.keys());
  return nearShort === undefined ? null : (short.get(nearShort) ?? null);
}

/** `public.ordres is missing (near: public.orders)`. */
export function describeMissing(table: Extract<NamedTable, { readonly kind: "missing" }>): string {
  const near = table.near === null ? "" : ` (near: ${printable(table.near, 140)})`;
  return `${printable(table.asked, 140)} is missing${near}`;
}
