import { StepError } from "../../drills/step-error.ts";
import type { Fingerprint, FingerprintOptions, SequenceState, TableDigest } from "../../steps/ports/checks.ts";
import type { Session } from "../../steps/ports/postgres.ts";
import { withContentSession } from "./content-session.ts";

/** Two hashes of every row that differ in their seed only. */
const SEEDS = ["0", "7046029254386353131"] as const;

/**
 * Digest of each table's content, computed by the server in one pass over each table, all on one snapshot. It does not
 * depend on the order of rows, on their place on disk, on compression or on dead rows. Error `FINGERPRINT_NOTHING`: there
 * is no table; `FINGERPRINT_TABLE`: a table's content cannot be read.
 */
export function readFingerprint(session: Session, options: FingerprintOptions): Promise<Fingerprint> {
  return withContentSession(session, async () => {
    const found = await tables(session, options);
    const readable = found.filter(({ reason }) => reason === null);
    if (readable.length === 0) {
      throw new StepError("permanent", "FINGERPRINT_NOTHING", "there is no table to take a fingerprint of", {
        hint: "is it the right database? Excluded schemas and unlogged tables do not count",
      });
    }
    const digests: [string, TableDigest][] = [];
    for (const { name } of readable) {
      digests.push([name, await digest(session, name)]);
      options.onTable?.(digests.length, readable.length);
    }
    const excluded = found.flatMap(({ name, reason }): [string, string][] => (reason === null ? [] : [[name, reason]]));
    return {
      tables: Object.fromEntries(digests),
      excluded: Object.fromEntries(excluded),
      sequences: await sequences(session, options),
    };
  });
}

type TableRow = { readonly name: string; readonly reason: string | null };

/** Partitions one by one, not their parents. The content of an unlogged table does not survive a restore (manual: CREATE TABLE). */
function tables(session: Session, options: FingerprintOptions): Promise<readonly TableRow[]> {
  return session.query<TableRow>(
    `select t.name, t.reason from (
       select pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
         case when c.relkind = 'f' then 'foreign table: its rows are elsewhere'
              when c.relpersistence = 'u' then 'unlogged table: a restore empties it'
              when c.relkind = 'm' and not c.relispopulated then 'materialized view that was never filled' end as reason
       from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'm', 'f') and c.relpersistence <> 't'
         and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and n.nspname <> all ($1)) t
     where $2::pg_catalog.text[] is null or t.name = any ($2) order by t.name collate "C"`,
    [options.excludeSchemas, options.tables],
  );
}

type DigestRow = { readonly rows: string; readonly first: string; readonly second: string };

/**
 * A row as text is unambiguous: values are quoted, NULL and the empty string differ (manual: 8.16.6). Hashes are added up, so
 * order does not matter and a row that stands twice counts twice. `sum(bigint)` is exact: the server adds in 128 bits.
 */
async function digest(session: Session, name: string): Promise<TableDigest> {
  const [row] = await session
    .query<DigestRow>(
      `select pg_catalog.count(*)::text as rows, ${hashSum(SEEDS[0])} as first, ${hashSum(SEEDS[1])} as second from only ${name} r`,
    )
    .catch((error: unknown) => {
      if (!(error instanceof StepError) || error.code !== "PG_QUERY") throw error;
      throw new StepError(error.class, "FINGERPRINT_TABLE", `the content of ${name} cannot be read: ${error.message}`, {
        hint: "leave the table out with `tables:`, or repair it",
        details: error.details,
        cause: error,
      });
    });
  return { rows: row?.rows ?? "0", digest: `${hex64(row?.first)}${hex64(row?.second)}` };
}

/** The alias with `.*` means the row even where a column has the same name. */
function hashSum(seed: string): string {
  return `coalesce(pg_catalog.sum(pg_catalog.hashtextextended((r.*)::text collate "C", ${seed})), 0)::text`;
}

function hex64(sum: string | undefined): string {
  return BigInt.asUintN(64, BigInt(sum ?? 0))
    .toString(16)
    .padStart(16, "0");
}

type SequenceRow = { readonly name: string } & { readonly [K in keyof SequenceState]: SequenceState[K] };

async function sequences(
  session: Session,
  options: FingerprintOptions,
): Promise<Readonly<Record<string, SequenceState>>> {
  if (options.tables !== null) return {};
  const rows = await session.query<SequenceRow>(
    `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name, pg_catalog.pg_sequence_last_value(c.oid)::text as last,
       s.seqstart::text as start, s.seqincrement::text as increment, s.seqcache::text as cache
     from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relpersistence = 'p' and n.nspname !~ '^pg_' and n.nspname <> all ($1) order by 1`,
    [options.excludeSchemas],
  );
  return Object.fromEntries(rows.map(({ name, ...state }) => [name, state]));
}
