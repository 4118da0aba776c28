import type { Session } from "../../steps/ports/postgres.ts";

/**
 * Every setting that changes how a value is written as text (manual: 20.11.2), and an empty search path, so that names are
 * written in full. Without these the same row would have another digest in another session.
 */
const PINNED: Readonly<Record<string, string>> = {
  search_path: "",
  timezone: "UTC",
  datestyle: "ISO, YMD",
  intervalstyle: "postgres",
  extra_float_digits: "1",
  bytea_output: "hex",
  lc_monetary: "C",
  xmlbinary: "base64",
  quote_all_identifiers: "off",
  // A policy that would hide rows becomes an error.
  row_security: "off",
};

/** Runs `work` on one snapshot, with these settings, changing nothing. */
export async function withContentSession<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query("begin transaction isolation level repeatable read read only");
  try {
    for (const [name, value] of Object.entries(PINNED))
      await session.query("select pg_catalog.set_config($1, $2, true)", [name, value]);
    return await work();
  } finally {
    await session.query("rollback").catch(() => undefined);
  }
}
