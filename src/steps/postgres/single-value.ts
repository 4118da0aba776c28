import { StepError } from "../../drills/step-error.ts";
import type { Session } from "../ports/postgres.ts";

/** The one value a query gave, as the server writes it: no float of ours ever touches it. */
export interface SingleValue {
  readonly text: string | null;
  /** `format_type` spelling: `bigint`, `timestamp with time zone`. */
  readonly type: string;
}

type AnswerRow = {
  readonly value: string | null;
  readonly type: string;
  readonly columns: number;
};

/**
 * Asks for exactly one row of one column. The query stands as a sub-select: so the server takes no second statement and
 * nothing that changes data, and sends two rows at most however many there are. Errors: `SQL_NO_ROW`, `SQL_MANY_ROWS`,
 * `SQL_MANY_COLUMNS`, `SQL_SYNTAX`, `SQL_REFUSED`, `SQL_TIMEOUT`, else the session's.
 */
export async function readSingleValue(session: Session, query: string): Promise<SingleValue> {
  const rows = await session.query<AnswerRow>(wrapped(query), [2]).catch((error: unknown) => {
    throw translated(error);
  });
  const [row] = rows;
  if (row === undefined)
    throw new StepError("permanent", "SQL_NO_ROW", "the query gave no row", {
      hint: "ask for an aggregate: select count(*) ...",
    });
  if (row.columns > 1)
    throw new StepError("permanent", "SQL_MANY_COLUMNS", `the query gave ${row.columns} columns, expected one`, {
      hint: "select the one value to compare",
    });
  if (rows.length > 1)
    throw new StepError("permanent", "SQL_MANY_ROWS", "the query gave more than one row, expected one", {
      hint: "aggregate it, or add `limit 1` with an order",
    });
  return { text: row.value, type: row.type };
}

/** The parameter makes the client use the extended protocol, where the server refuses several statements (manual: 55.2.3). */
function wrapped(query: string): string {
  // The line break ends a `--` comment at the end of the query.
  const inner = query.replace(/[\s;]+$/u, "");
  return `select firedrill_answer.firedrill_value::text as value,
  pg_catalog.format_type(pg_catalog.pg_typeof(firedrill_answer.firedrill_value)::pg_catalog.oid, null) as type,
  (select pg_catalog.count(*)::pg_catalog.int4 from pg_catalog.json_object_keys(pg_catalog.row_to_json(firedrill_answer))) as columns
from (\n${inner}\n) as firedrill_answer(firedrill_value) limit $1`;
}

function translated(error: unknown): unknown {
  if (!(error instanceof StepError)) return error;
  const say = (code: string, hint: string): StepError =>
    new StepError(error.class, code, error.message, { hint, details: error.details, cause: error });
  switch (error.details["sqlstate"]) {
    case "42601":
      return say("SQL_SYNTAX", "write one SELECT without a semicolon; several statements are refused");
    case "25006":
    case "0A000":
      return say("SQL_REFUSED", "a check may only read: write one SELECT that changes nothing");
    case "57014":
      return say("SQL_TIMEOUT", "raise `timeout:` of the check's `with`, or ask less");
    default:
      return error;
  }
}
