import { StepError } from "../drills/step-error.ts";
import type { PlannedTraffic } from "../steps/ports/traffic.ts";
import type { CanaryConnection } from "./connection.ts";
import { probeTable, SCHEMA_COMMENT } from "./names.ts";
import { qualified, quoted } from "./quote.ts";
import { rowsOf } from "./read-back.ts";

/** Another run makes or drops the schema at this moment: duplicates in the catalogue, or it is gone again. */
const RACED = new Set(["23505", "42P06", "42P07", "3F000", "XX000"]);
const TRIES = 5;

/**
 * The markers' table has neither key nor index: a duplicate must be able to show. The prober's has a key, because a table that is
 * published for logical replication takes updates only then.
 */
export async function makeTables(
  connection: CanaryConnection,
  planned: Pick<PlannedTraffic, "schema" | "table" | "runId">,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await makeSchema(connection, planned.schema);
      await rowsOf(connection, tablesText(planned));
      return;
    } catch (error) {
      const sqlstate = error instanceof StepError ? error.details["sqlstate"] : null;
      if (tries === TRIES || typeof sqlstate !== "string" || !RACED.has(sqlstate)) throw error;
    }
  }
}

/** Text in one message is one transaction. */
async function makeSchema(connection: CanaryConnection, schema: string): Promise<void> {
  const [row] = await rowsOf(connection, `select pg_catalog.to_regnamespace('${quoted(schema)}') is null`);
  if (row?.[0] !== "t") return;
  await rowsOf(
    connection,
    `create schema ${quoted(schema)}; comment on schema ${quoted(schema)} is '${SCHEMA_COMMENT}'`,
  );
}

function tablesText({ schema, table, runId }: Pick<PlannedTraffic, "schema" | "table" | "runId">): string {
  const markers = qualified(schema, table);
  const probe = qualified(schema, probeTable(table));
  const comment = `Firedrill canary v1 of run ${runId.replaceAll(/[^\w-]/gu, "_")}`;
  return `
    create table if not exists ${markers}
      (writer integer not null, seq bigint not null, sent_us bigint not null, payload text not null);
    create table if not exists ${probe} (id integer primary key, n bigint not null);
    insert into ${probe} (id, n) values (1, 0) on conflict do nothing;
    comment on table ${markers} is '${comment}';
    comment on table ${probe} is '${comment}'`;
}

/** Drops the two tables, and the schema when it is ours and nothing else is in it. Idempotent. */
export async function dropTables(connection: CanaryConnection, schema: string, table: string): Promise<void> {
  const tables = `${qualified(schema, table)}, ${qualified(schema, probeTable(table))}`;
  // A lock that is not to be had is no reason to wait for ever.
  await rowsOf(connection, `set local lock_timeout = '5s'; drop table if exists ${tables}`);
  const [row] = await rowsOf(connection, schemaQuestion(schema));
  if (row?.[0] !== "t") return;
  const answer = await connection.ask(`drop schema if exists ${quoted(schema)} restrict`, 10_000_000);
  // Somebody else's table came in this moment: then it is theirs to drop.
  if (answer.kind === "error" && answer.sqlstate === "2BP01") return;
  if (answer.kind !== "rows") {
    const why = answer.kind === "error" ? answer.message : answer.reason;
    throw new StepError("transient", "PG_QUERY", `the schema ${schema} could not be dropped: ${why}`);
  }
}

function schemaQuestion(schema: string): string {
  return `
    select pg_catalog.obj_description(n.oid, 'pg_namespace') = '${SCHEMA_COMMENT}'
      and not exists (select from pg_catalog.pg_class c where c.relnamespace = n.oid)
    from pg_catalog.pg_namespace n where n.nspname = '${schema.replaceAll("'", "''")}'`;
}

/** Names of what is still there. */
export async function tablesThere(
  connection: CanaryConnection,
  schema: string,
  table: string,
): Promise<readonly string[]> {
  const names = [qualified(schema, table), qualified(schema, probeTable(table))];
  const [row] = await rowsOf(
    connection,
    `select ${names.map((name) => `pg_catalog.to_regclass('${name}')`).join(", ")}`,
  );
  return names.filter((_, index) => row?.[index] !== null);
}
