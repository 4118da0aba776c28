import type { NodeSpec, SystemSnapshot } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Session, Sessions } from "../../../steps/ports/postgres.ts";
import type { WriteAnswer } from "../../../steps/ports/replication.ts";
import { onNode, reasonOf } from "./node-session.ts";

/** Starting, shutting down or without hot standby (57P03), shut down under us (57P01, 57P02), read-only (25006). */
const REFUSALS: ReadonlySet<unknown> = new Set(["57P01", "57P02", "57P03", "25006"]);

/** It starts, stops or recovers: a moment later it may take writes (after a crash of its own it does). */
const PASSING: ReadonlySet<unknown> = new Set(["57P01", "57P02", "57P03"]);

/** See `Replication.tryWrite`. */
export async function tryWrite(
  sessions: Sessions,
  system: SystemSnapshot,
  node: NodeSpec,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<WriteAnswer> {
  try {
    return await onNode(sessions, system, node, { timeoutMs, signal }, write);
  } catch (error) {
    const state = error instanceof StepError ? error.details["sqlstate"] : undefined;
    const reason = reasonOf(error, timeoutMs, signal);
    if (state === undefined) return { kind: "no_answer", reason, lasting: wasOnTheWay(error) };
    if (REFUSALS.has(state)) return { kind: "refused", reason, lasting: !PASSING.has(state) };
    throw error;
  }
}

/** A transaction that writes WAL and is acknowledged when that is durable, but leaves no row (manual: 9.28.6). */
async function write(session: Session): Promise<WriteAnswer> {
  const [row] = await session.query<{ lsn: string | null }>(
    `select case when not pg_catalog.pg_is_in_recovery()
      then pg_catalog.pg_logical_emit_message(true, 'firedrill', 'write')::text end as lsn`,
  );
  if (typeof row?.lsn === "string") return { kind: "acknowledged" };
  return { kind: "refused", reason: "it is in recovery", lasting: true };
}

const NOBODY_THERE: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ETIMEDOUT",
  "ENOENT",
]);

/** The question went out and no answer came, as opposed to: it was never asked. */
function wasOnTheWay(error: unknown): boolean {
  if (error instanceof DOMException) return error.name === "TimeoutError";
  if (!(error instanceof StepError) || error.code !== "PG_CONNECT" || !(error.cause instanceof Error)) return false;
  const { cause } = error;
  // pg's own words have no code: of its limit, and of a connection that ends.
  return "code" in cause ? NOBODY_THERE.has(cause.code) : /timeout|terminated/iu.test(cause.message);
}
