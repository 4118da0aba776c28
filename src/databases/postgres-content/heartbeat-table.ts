import { StepError } from "../../drills/step-error.ts";
import type { Session } from "../../steps/ports/postgres.ts";

/** Marks the table as ours; a table of the same name without it belongs to somebody else. */
export const HEARTBEAT_COMMENT = "firedrill heartbeat v1";

/** Any number that is ours: two writers on one table would beat faster than asked. */
const LOCK_CLASS = 1_179_927_620;

export interface HeartbeatTable {
  /** Quoted for SQL: `firedrill.heartbeat`. */
  readonly name: string;
}

type TableRow = {
  readonly name: string;
  readonly schema: string;
  readonly oid: string | null;
  readonly relkind: string | null;
  readonly comment: string | null;
};

/**
 * Finds the table or makes it, with its schema. Holds a lock on it until the session ends. Errors: `HEARTBEAT_FOREIGN`
 * (there is such a table, and it is not ours), `HEARTBEAT_BUSY` (another writer is at work).
 */
export async function openHeartbeatTable(session: Session, schema: string): Promise<HeartbeatTable> {
  const found = await look(session, schema);
  if (found.oid === null) await make(session, found);
  else if (found.relkind !== "r" || found.comment !== HEARTBEAT_COMMENT) throw foreign(found.name);
  const [lock] = await session.query<{ readonly got: boolean }>(
    "select pg_catalog.pg_try_advisory_lock($1, pg_catalog.hashtext($2)) as got",
    [LOCK_CLASS, found.name],
  );
  if (lock?.got !== true) {
    throw new StepError("transient", "HEARTBEAT_BUSY", `another heartbeat writes to ${found.name}`, {
      hint: "one writer for each schema; stop the other one, or give this one a schema of its own",
    });
  }
  return { name: found.name };
}

async function look(session: Session, schema: string): Promise<TableRow> {
  const [row] = await session.query<TableRow>(
    `select pg_catalog.format('%I.heartbeat', w.schema) as name, pg_catalog.quote_ident(w.schema) as schema, c.oid::text as oid, c.relkind::text as relkind,
       pg_catalog.obj_description(c.oid, 'pg_class') as comment
     from (select $1::pg_catalog.text as schema) w
     left join pg_catalog.pg_namespace n on n.nspname = w.schema
     left join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = 'heartbeat'`,
    [schema],
  );
  return row ?? { name: "", schema: "", oid: null, relkind: null, comment: null };
}

/** As one statement, so that it is there as a whole, with its mark, or not at all. */
async function make(session: Session, { name, schema }: TableRow): Promise<void> {
  await session.query(`
    create schema if not exists ${schema};
    create table ${name} (
      seq bigint generated always as identity primary key,
      beat_at timestamptz not null default pg_catalog.clock_timestamp(),
      interval_ms integer not null
    );
    comment on table ${name} is '${HEARTBEAT_COMMENT}'`);
}

function foreign(name: string): StepError {
  return new StepError(
    "permanent",
    "HEARTBEAT_FOREIGN",
    `${name} exists and is not a heartbeat of firedrill: it is left alone`,
    {
      hint: "choose another schema in the inventory: heartbeat: { schema: ... }",
    },
  );
}
