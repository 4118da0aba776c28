import { StepError } from "../../drills/step-error.ts";
import type { Session } from "../ports/postgres.ts";
import { describeMissing, findTable } from "./table-names.ts";

/** What can be checked, and what has to be counted as not checked. */
export interface Relation {
  readonly oid: string;
  readonly name: string;
  readonly kind: "table" | "index";
  /** Null: amcheck can look at it. */
  readonly uncheckable: string | null;
}

export type Selection =
  | { readonly kind: "relations"; readonly relations: readonly Relation[] }
  | { readonly kind: "missing"; readonly text: string };

type RelationRow = {
  readonly oid: string;
  readonly name: string;
  readonly kind: "table" | "index";
  readonly uncheckable: string | null;
};

/**
 * All tables and indexes of the database, catalogs and TOAST tables included, or those of the named tables (partitions
 * included). Largest first, so that several workers end together. Error `AMCHECK_NOTHING`: there is no user table.
 */
export async function selectRelations(session: Session, tables: readonly string[] | null): Promise<Selection> {
  const roots: string[] = [];
  const missing: string[] = [];
  for (const asked of tables ?? []) {
    const table = await findTable(session, asked);
    if (table.kind === "found") roots.push(table.oid);
    else missing.push(describeMissing(table));
  }
  if (missing.length > 0) return { kind: "missing", text: missing.join("; ") };
  const rows = await session.query<RelationRow & { readonly user_table: boolean }>(RELATIONS, [
    tables === null ? null : roots,
  ]);
  if (!rows.some((row) => row.user_table)) {
    throw new StepError("permanent", "AMCHECK_NOTHING", "there is no table to check", {
      hint: "was the right database restored? A view has no pages of its own",
    });
  }
  return {
    kind: "relations",
    relations: rows.map(({ oid, name, kind, uncheckable }) => ({ oid, name, kind, uncheckable })),
  };
}

/** Temporary tables belong to sessions that are gone; unlogged ones cannot be read while in recovery (manual: 27.4.1). */
const RELATIONS = `
with wanted as (
  select root.oid from pg_catalog.unnest($1::pg_catalog.oid[]) as root(oid)
  union
  select tree.relid::pg_catalog.oid
  from pg_catalog.unnest($1::pg_catalog.oid[]) as root(oid), pg_catalog.pg_partition_tree(root.oid) tree
), tables as (
  select c.* from pg_catalog.pg_class c
  where c.relkind in ('r', 'm', 't') and c.relpersistence <> 't'
    and not (c.relpersistence = 'u' and pg_catalog.pg_is_in_recovery())
    and ($1::pg_catalog.oid[] is null
      or c.oid in (select oid from wanted)
      or c.oid in (select o.reltoastrelid from pg_catalog.pg_class o where o.oid in (select oid from wanted)))
), found as (
  select t.oid, t.relnamespace, t.relname, t.relpages, 'table' as kind,
    case when am.amname = 'heap' then null else 'access method ' || coalesce(am.amname, 'unknown') end as uncheckable
  from tables t left join pg_catalog.pg_am am on am.oid = t.relam
  union all
  select c.oid, c.relnamespace, c.relname, c.relpages, 'index',
    case when am.amname <> 'btree' then am.amname || ' index'
         when not (i.indisready and i.indisvalid) then 'invalid index' end
  from pg_catalog.pg_index i
  join tables t on t.oid = i.indrelid
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_am am on am.oid = c.relam
)
select f.oid::text as oid, pg_catalog.format('%I.%I', n.nspname, f.relname) as name, f.kind, f.uncheckable::text as uncheckable,
  f.kind = 'table' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' as user_table
from found f join pg_catalog.pg_namespace n on n.oid = f.relnamespace
order by f.relpages desc, f.oid`;
