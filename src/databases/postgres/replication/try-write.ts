import type { NodeSpec, SystemSnapshot } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Session, Sessions } from "../../../steps/ports/postgres.ts";
import type { WriteAnswer } from "../../../steps/ports/replication.ts";
import { onNode, reasonOf } from "./node-session.ts";

/** Starting, shutting down or without hot standby (57P03), shut down under us (57P01, 57P02), read-only (25006). */
const REFUSALS: ReadonlySet<unknown> = new Set(["57P01", "57P02", "57P03", "25006"]);

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
    if (state === undefined) return { kind: "no_answer", reason };
    if (REFUSALS.has(state)) return { kind: "refused", reason };
    throw error;
  }
}

/** A transaction that writes WAL and is acknowledged when that is durable, but leaves no row (manual: 9.28.6). */
async function write(session: Session): Promise<WriteAnswer> {
  const [row] = await session.query<{ lsn: string | null }>(
    `select case when not pg_catalog.pg_is_in_recovery()
      then pg_catalog.pg_logical_emit_message(true, 'firedrill', 'write')::text end as lsn`,
  );
  return typeof row?.lsn === "string" ? { kind: "acknowledged" } : { kind: "refused", reason: "it is in recovery" };
}
