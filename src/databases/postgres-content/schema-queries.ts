import type { SchemaKind } from "../../steps/ports/checks.ts";

/**
 * One query for each kind of definition: `name` and attributes, all text. $1: schemas to leave out. Texts come from the
 * server's own deparser (`pg_get_*def`), under an empty search path, so that names are in full.
 */
export const SCHEMA_QUERIES: Readonly<Record<SchemaKind, string>> = {
  tables: `
    select ${name("n.nspname", "c.relname")} as name,
      case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' else 'foreign table' end as kind,
      case c.relpersistence when 'u' then 'yes' else 'no' end as unlogged,
      coalesce(pg_catalog.pg_get_partkeydef(c.oid), '') as partition_key,
      coalesce(pg_catalog.pg_get_expr(c.relpartbound, c.oid), '') as partition_bound
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and ${ours("pg_class", "c.oid")}`,
  columns: `
    select ${name("n.nspname", "c.relname", "a.attname")} as name,
      pg_catalog.format_type(a.atttypid, a.atttypmod) as type,
      case when a.attnotnull then 'no' else 'yes' end as nullable,
      coalesce(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') as "default",
      a.attidentity::text as identity, a.attgenerated::text as generated,
      case when a.attcollation <> t.typcollation then a.attcollation::pg_catalog.regcollation::text else '' end as collation
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_type t on t.oid = a.atttypid
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relkind in ('r', 'p', 'f') and c.relpersistence <> 't' and a.attnum > 0 and not a.attisdropped and ${ours("pg_class", "c.oid")}`,
  indexes: `
    select ${name("n.nspname", "c.relname")} as name, pg_catalog.pg_get_indexdef(i.indexrelid) as definition,
      case when i.indisvalid then 'yes' else 'no' end as valid
    from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indexrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relpersistence <> 't' and ${ours("pg_class", "i.indrelid")}`,
  // NOT NULL is an attribute of the column, and a constraint of its own only since PostgreSQL 18.
  constraints: `
    select ${name("n.nspname", "c.relname", "k.conname")} as name, pg_catalog.pg_get_constraintdef(k.oid) as definition,
      case when k.convalidated then 'yes' else 'no' end as validated
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.conrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where k.contype in ('c', 'f', 'p', 'u', 'x') and c.relpersistence <> 't' and ${ours("pg_class", "c.oid")}`,
  sequences: `
    select ${name("n.nspname", "c.relname")} as name, s.seqtypid::pg_catalog.regtype::text as type, s.seqstart::text as start,
      s.seqincrement::text as increment, s.seqmin::text as min, s.seqmax::text as max, s.seqcache::text as cache,
      case when s.seqcycle then 'yes' else 'no' end as cycle
    from pg_catalog.pg_sequence s
    join pg_catalog.pg_class c on c.oid = s.seqrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relpersistence <> 't' and ${ours("pg_class", "c.oid")}`,
  views: `
    select ${name("n.nspname", "c.relname")} as name, case c.relkind when 'v' then 'view' else 'materialized view' end as kind,
      ${sha256("pg_catalog.pg_get_viewdef(c.oid)")} as sha256
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('v', 'm') and c.relpersistence <> 't' and ${ours("pg_class", "c.oid")}`,
  // An aggregate has no body of its own: its kind and result stand for it.
  functions: `
    select ${name("n.nspname", "p.proname")} || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')' as name,
      p.prokind::text as kind, coalesce(pg_catalog.pg_get_function_result(p.oid), '') as result,
      case when p.prokind = 'a' then '' else ${sha256("pg_catalog.pg_get_functiondef(p.oid)")} end as sha256
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where ${ours("pg_proc", "p.oid")}`,
  triggers: `
    select ${name("n.nspname", "c.relname", "t.tgname")} as name, pg_catalog.pg_get_triggerdef(t.oid) as definition,
      case t.tgenabled when 'D' then 'no' else 'yes' end as enabled
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_class c on c.oid = t.tgrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where not t.tgisinternal and ${ours("pg_class", "c.oid")}`,
  extensions: `
    select pg_catalog.quote_ident(e.extname) as name, e.extversion as version
    from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
    where n.nspname <> all ($1)`,
};

function name(...parts: readonly string[]): string {
  return `pg_catalog.format('${parts.map(() => "%I").join(".")}', ${parts.join(", ")})`;
}

/** Not the system's, not excluded, and no part of an extension, whose version says all of it. */
function ours(catalog: string, oid: string): string {
  return `n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all ($1)
      and not exists (select from pg_catalog.pg_depend x where x.classid = 'pg_catalog.${catalog}'::pg_catalog.regclass and x.objid = ${oid} and x.deptype = 'e')`;
}

function sha256(text: string): string {
  return `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(${text}, 'UTF8')), 'hex')`;
}
