import { StepError } from "../../drills/step-error.ts";
import type { FailureClass } from "../../drills/run-event.ts";
import type { DatabaseRef } from "../../drills/database-ref.ts";

/** Classes of SQLSTATE (manual: appendix A) where the same call may work a moment later. */
const TRANSIENT_STATES = /^(?:08|40|53|57P0[1-4]|55P03)/u;
/** The data itself is damaged: what is drilled is broken, not the drill. */
const DAMAGED_STATES: ReadonlySet<string> = new Set(["XX001", "XX002"]);
const REFUSED_STATES = /^(?:28|3D000|42501)/u;

/** Why a connection could not be made. `PG_CONNECT` (transient) or `PG_REFUSED` (permanent: role, database, password). */
export function connectError(error: unknown, database: DatabaseRef): StepError {
  const where = `${database.user}@${database.host}:${database.port}/${database.database}`;
  const state = sqlState(error);
  if (state !== null && REFUSED_STATES.test(state)) {
    return new StepError("permanent", "PG_REFUSED", `${where} refuses us: ${messageOf(error)}`, {
      hint: "check user, password reference and database name",
      details: { sqlstate: state },
      cause: error,
    });
  }
  return new StepError("transient", "PG_CONNECT", `cannot connect to ${where}: ${messageOf(error)}`, {
    hint: "is the server running and reachable from here?",
    details: state === null ? {} : { sqlstate: state },
    cause: error,
  });
}

/** `PG_QUERY` with SQLSTATE; `PG_CONNECT` when the connection broke under it. */
export function queryError(error: unknown): StepError {
  const state = sqlState(error);
  if (state === null || state.startsWith("08")) {
    return new StepError("transient", "PG_CONNECT", `the connection broke during a query: ${messageOf(error)}`, {
      cause: withoutRows(error),
    });
  }
  const hint = state === "57014" ? "the statement timeout was reached; raise it, or ask less" : undefined;
  return new StepError(classOf(state), "PG_QUERY", `${state}: ${withoutValues(state, messageOf(error))}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { sqlstate: state },
    cause: withoutRows(error),
  });
}

function classOf(state: string): FailureClass {
  if (DAMAGED_STATES.has(state)) return "subject";
  return TRANSIENT_STATES.test(state) ? "transient" : "permanent";
}

/** Data exceptions (class 22) quote the value: `invalid input syntax for type integer: "4711"`. */
function withoutValues(state: string, message: string): string {
  return state.startsWith("22") || state.startsWith("23") ? message.replace(/: ".*$/su, "") : message;
}

/** The server's DETAIL and CONTEXT carry row values; a cause is logged, so only the message is kept. */
function withoutRows(error: unknown): Error {
  const state = sqlState(error);
  return new Error(state === null ? messageOf(error) : withoutValues(state, messageOf(error)));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

/** Node puts its own codes (`ECONNREFUSED`) in the same field; they are longer, or hold other letters. */
export function sqlState(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || !("severity" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
