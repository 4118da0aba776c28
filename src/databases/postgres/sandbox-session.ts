import type { Session } from "../../steps/ports/postgres.ts";

/**
 * What a session of ours relies on in a restored copy, against `ALTER ROLE ... SET` and `ALTER DATABASE ... SET` of the backup.
 * Only a superuser may set some of these.
 */
export const SANDBOX_PINS: readonly string[] = [
  // A library that the sandbox does not have would keep us out.
  "session_preload_libraries=",
  "local_preload_libraries=",
  // As the superuser that was asked for: policies (row_security) do not hide rows from it.
  "role=none",
  // Damaged pages would be read as empty ones, and checks would pass on them.
  "zero_damaged_pages=off",
  "ignore_checksum_failure=off",
  // Serializable cannot begin in a copy that still recovers.
  "default_transaction_isolation=read\\ committed",
  "default_transaction_deferrable=off",
  "idle_in_transaction_session_timeout=0",
  "bytea_output=hex",
  "lc_messages=C",
];

/** Servers from 17 on: login triggers of the backup would run before our first query. Older ones refuse the name. */
export const SANDBOX_PINS_SINCE_17: readonly string[] = ["event_triggers=off", "transaction_timeout=0"];

/** `sqlState` and message of a server before 17 that was given the pins of 17. */
export function knowsNoEventTriggers(state: string | null, error: unknown): boolean {
  return state === "42704" && error instanceof Error && error.message.includes('"event_triggers"');
}

/**
 * The search path stays what the backup gives the role, since the queries of checks are written for it. But where it names
 * `pg_catalog`, other than first, the backup's own functions could stand in for the server's: then that is put first again.
 */
export async function settleSandboxSession(session: Session): Promise<void> {
  await session.query(
    `select pg_catalog.set_config('search_path', 'pg_catalog, ' operator(pg_catalog.||) p.path, false)
       from pg_catalog.current_setting('search_path') as p(path) where p.path operator(pg_catalog.~*) 'pg_catalog'`,
  );
  // Since 14.
  await session.query(
    `select pg_catalog.set_config('idle_session_timeout', '0', false)
      where pg_catalog.current_setting('idle_session_timeout', true) is not null`,
  );
}
