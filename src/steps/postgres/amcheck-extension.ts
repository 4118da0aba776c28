import type { DatabaseRef } from "../../drills/database-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import type { Session } from "../ports/postgres.ts";

/** `amcheck` ready for use in one database. Disposing takes it out again when we put it there. */
export interface Amcheck extends AsyncDisposable {
  /** Schema of its functions, quoted for SQL. */
  readonly schema: string;
  /** False before PostgreSQL 14, which has no `verify_heapam`. */
  readonly heap: boolean;
}

/** Ours by its name: an attempt that died leaves it, and the next one takes it over. */
const OWN_SCHEMA = "firedrill_amcheck";

/**
 * Installs the extension in the copy if it is not there; a system of the inventory is never changed. Errors, all
 * `permanent`: `AMCHECK_MISSING` (the server does not have it), `AMCHECK_NOT_INSTALLED` (and we may not install it here).
 */
export async function prepareAmcheck(session: Session, database: DatabaseRef): Promise<Amcheck> {
  await requireAvailable(session);
  const found = await installed(session);
  const writable = await mayChange(session, database);
  if (found === null) {
    if (!writable) throw notInstalled(database);
    await session.query(`create schema if not exists ${OWN_SCHEMA}`);
    await session.query(`create extension amcheck with schema ${OWN_SCHEMA}`);
  } else if (!found.heap && writable) {
    // A backup can bring along the definition of an older version than the library of this server has.
    await session.query("alter extension amcheck update");
  }
  const ready = await installed(session);
  if (ready === null) throw notInstalled(database);
  const ours = ready.schema === OWN_SCHEMA && writable;
  return {
    schema: ready.schema,
    heap: ready.heap,
    async [Symbol.asyncDispose]() {
      if (ours) await session.query(`drop schema if exists ${OWN_SCHEMA} cascade`).catch(() => undefined);
    },
  };
}

async function requireAvailable(session: Session): Promise<void> {
  const rows = await session.query("select 1 from pg_catalog.pg_available_extensions where name = 'amcheck'");
  if (rows.length > 0) return;
  throw new StepError("permanent", "AMCHECK_MISSING", "the server does not have the extension amcheck", {
    hint: "install the contrib modules of this PostgreSQL version (Debian: postgresql-contrib), or make the check `required: false`",
  });
}

interface Installed {
  readonly schema: string;
  readonly heap: boolean;
}

async function installed(session: Session): Promise<Installed | null> {
  const [row] = await session.query<{ readonly schema: string; readonly heap: boolean }>(
    `select pg_catalog.quote_ident(n.nspname) as schema,
            exists (select from pg_catalog.pg_proc p where p.pronamespace = n.oid and p.proname = 'verify_heapam') as heap
     from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
     where e.extname = 'amcheck'`,
  );
  return row ?? null;
}

async function mayChange(session: Session, database: DatabaseRef): Promise<boolean> {
  if (database.sandbox === null) return false;
  const [row] = await session.query<{ readonly recovering: boolean }>(
    "select pg_catalog.pg_is_in_recovery() as recovering",
  );
  return row?.recovering === false;
}

function notInstalled(database: DatabaseRef): StepError {
  const why =
    database.sandbox === null ? "is a system of the inventory, which a check does not change" : "is read-only";
  return new StepError(
    "permanent",
    "AMCHECK_NOT_INSTALLED",
    `the database has no extension amcheck, and cannot be given it: it ${why}`,
    {
      hint: "restore with `finish: promote`, or create the extension in the original so that backups bring it along",
    },
  );
}
