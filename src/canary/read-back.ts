import type { CanaryLoss } from "../drills/facts.ts";
import { StepError } from "../drills/step-error.ts";
import type { CanaryConnection, Row } from "./connection.ts";
import { connectAlong, type ConnectOptions } from "./connect-path.ts";
import { type PathSpec, pathText } from "./path-spec.ts";
import { qualified } from "./quote.ts";

/** Of one answer of the server. */
const ANSWER_US = 30_000_000;
const CHUNK_BYTES = 8 << 20;
const CHUNK_ROWS = 10_000;
const UNDEFINED_TABLE = "42P01";

export interface ReadBack {
  readonly path: PathSpec;
  readonly schema: string;
  readonly table: string;
  readonly payloadBytes: number;
}

/** A connection along the path to a server that takes writes, whatever the path itself asks for. Throws `PG_CONNECT`. */
export async function connectForWrites(path: PathSpec, options: ConnectOptions): Promise<CanaryConnection> {
  const tried = await connectAlong({ ...path, targetSessionAttrs: "read-write" }, options);
  options.signal.throwIfAborted();
  if (tried.kind === "connected") return tried.connection;
  const message = `no server that takes writes is to be had along ${pathText(path)}: ${tried.reason}`;
  throw new StepError("transient", "PG_CONNECT", message, { hint: "is the service back?" });
}

/** Rows of an answer that must come. Throws `PG_QUERY`, `PG_CONNECT`. */
export async function rowsOf(
  connection: CanaryConnection,
  text: string,
  timeoutUs = ANSWER_US,
): Promise<readonly Row[]> {
  const answer = await connection.ask(text, timeoutUs);
  switch (answer.kind) {
    case "rows":
      return answer.rows;
    case "error":
      throw new StepError("permanent", "PG_QUERY", `${answer.sqlstate}: ${answer.message}`, {
        details: { sqlstate: answer.sqlstate },
      });
    case "lost":
      throw new StepError("transient", "PG_CONNECT", `the connection broke during a query: ${answer.reason}`);
    default:
      return answer satisfies never;
  }
}

/**
 * Hands over every row `writer, seq, sent_us, payload`, in no order, as one snapshot holds them, in pieces of a size. A table that
 * is not there has no rows: its creation was lost with them. Gives where it was read.
 */
export async function readMarkers(
  { path, schema, table, payloadBytes }: ReadBack,
  options: ConnectOptions,
  onRow: (row: Row) => void,
): Promise<CanaryLoss["readFrom"]> {
  const connection = await connectForWrites(path, options);
  const abort = (): void => connection.drop("stopped");
  options.signal.addEventListener("abort", abort, { once: true });
  try {
    await rowsOf(connection, "begin isolation level repeatable read read only");
    const from = await whereItIs(connection);
    if (await declare(connection, qualified(schema, table))) {
      const rows = Math.max(1, Math.min(CHUNK_ROWS, Math.floor(CHUNK_BYTES / (payloadBytes + 64))));
      await fetchAll(connection, rows, onRow);
    }
    await rowsOf(connection, "commit");
    return from;
  } catch (error) {
    options.signal.throwIfAborted();
    throw error;
  } finally {
    options.signal.removeEventListener("abort", abort);
    await connection.close();
  }
}

async function declare(connection: CanaryConnection, from: string): Promise<boolean> {
  const text = `declare canary no scroll cursor for select writer, seq, sent_us, payload from ${from}`;
  const answer = await connection.ask(text, ANSWER_US);
  if (answer.kind === "error" && answer.sqlstate === UNDEFINED_TABLE) {
    await rowsOf(connection, "rollback; begin");
    return false;
  }
  if (answer.kind === "rows") return true;
  const why = answer.kind === "error" ? `${answer.sqlstate}: ${answer.message}` : answer.reason;
  throw new StepError("transient", "PG_QUERY", `the markers cannot be read back: ${why}`);
}

async function fetchAll(connection: CanaryConnection, count: number, onRow: (row: Row) => void): Promise<void> {
  for (;;) {
    const rows = await rowsOf(connection, `fetch ${count} from canary`);
    for (const row of rows) onRow(row);
    if (rows.length < count) return;
  }
}

/** The WAL file that is written to names the timeline; the control file lags behind until the next checkpoint. */
const WHERE = `select pg_catalog.pg_walfile_name(l), l from pg_catalog.pg_current_wal_insert_lsn() l`;

async function whereItIs(connection: CanaryConnection): Promise<CanaryLoss["readFrom"]> {
  const [row] = await rowsOf(connection, WHERE);
  return {
    ...connection.host,
    timeline: Number.parseInt((row?.[0] ?? "").slice(0, 8), 16) || 0,
    lsn: row?.[1] ?? "0/0",
  };
}
