import { StepError } from "../../drills/step-error.ts";
import type { Session } from "../ports/postgres.ts";
import { readSingleValue } from "../postgres/single-value.ts";
import { findTable } from "../postgres/table-names.ts";

/** The newest thing that survived in the copy, by the clock of whoever wrote it. */
export type Newest =
  | { readonly kind: "found"; readonly what: string; readonly wallUs: number; readonly intervalUs: number | null }
  | { readonly kind: "none"; readonly what: string; readonly reason: string };

/** Microseconds since the epoch; rounded, because `extract` gives a float before PostgreSQL 14. Null for infinite times. */
const MICROSECONDS = (column: string): string =>
  `case when pg_catalog.isfinite(${column}) then pg_catalog.round((extract(epoch from ${column}) * 1000000)::numeric)::text end`;

type BeatRow = { readonly us: string | null; readonly beats: string; readonly interval_ms: string | null };

/** Newest row of the heartbeat table. Its interval is the one the writer noted in the row, or the configured one if that is longer. */
export async function newestBeat(session: Session, schema: string, configuredMs: number | null): Promise<Newest> {
  const [quoted] = await session.query<{ readonly name: string }>(
    "select pg_catalog.format('%I.heartbeat', $1::text) as name",
    [schema],
  );
  const what = quoted?.name ?? "";
  const table = await findTable(session, what);
  if (table.kind === "missing") return { kind: "none", what, reason: `no heartbeat row: there is no table ${what}` };
  const [row] = await session.query<BeatRow>(
    `select ${MICROSECONDS("b.beat_at")} as us, pg_catalog.to_jsonb(b) ->> 'interval_ms' as interval_ms
     from ${table.name} b order by b.beat_at desc nulls last limit 1`,
  );
  if (row?.us === undefined || row.us === null) return { kind: "none", what, reason: `no heartbeat row in ${what}` };
  const intervalMs = Math.max(configuredMs ?? 0, wholeNumber(row.interval_ms));
  return { kind: "found", what, wallUs: Number(row.us), intervalUs: intervalMs === 0 ? null : intervalMs * 1000 };
}

/** The column is data of the copy: anything but a whole number counts as not given. */
function wholeNumber(text: string | null): number {
  return text !== null && /^\d{1,12}$/u.test(text) ? Number(text) : 0;
}

/** Errors: `FRESHNESS_TYPE` when the query gives anything but a timestamptz, and those of a single value. */
export async function newestByQuery(session: Session, query: string): Promise<Newest> {
  const what = query.replaceAll(/\s+/gu, " ").trim();
  const value = await readSingleValue(session, query);
  if (value.type !== "timestamp with time zone") {
    throw new StepError("permanent", "FRESHNESS_TYPE", `the query gives ${value.type}, not timestamp with time zone`, {
      hint: "say which zone it is in: select max(created_at) at time zone 'UTC' ...",
    });
  }
  if (value.text === null) return { kind: "none", what, reason: "the query gave NULL: no row" };
  const [row] = await session.query<{ readonly us: string | null }>(
    `select ${MICROSECONDS("t.t")} as us from (select $1::timestamptz as t) t`,
    [value.text],
  );
  if (row?.us === undefined || row.us === null) return { kind: "none", what, reason: `the query gave ${value.text}` };
  return { kind: "found", what, wallUs: Number(row.us), intervalUs: null };
}
