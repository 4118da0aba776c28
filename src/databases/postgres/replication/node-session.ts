import type { NodeSpec, SystemSnapshot } from "../../../drills/inventory.ts";
import { nodeDatabase } from "../../../drills/node-database.ts";
import type { Session, Sessions } from "../../../steps/ports/postgres.ts";

export interface NodeLimits {
  /** For the connection, and for the whole of it. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly readOnly?: boolean;
}

/**
 * Asks one server over its endpoint, within a deadline for all of it: a frozen server takes connections (its kernel does) and
 * never answers. Rejects with the deadline's `TimeoutError` or with what the session says.
 */
export async function onNode<T>(
  sessions: Sessions,
  system: SystemSnapshot,
  node: NodeSpec,
  { timeoutMs, signal, readOnly = false }: NodeLimits,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const options = { readOnly, statementTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs, signal: within };
  const session = await sessions.open(nodeDatabase(system, node), options);
  try {
    return await work(session);
  } finally {
    // Not awaited: the server's goodbye would be part of an outage that is being measured. It never rejects.
    void session[Symbol.asyncDispose]();
  }
}

/** What went wrong on a node, in one sentence, unless it was us who were told to stop. */
export function reasonOf(error: unknown, timeoutMs: number, signal: AbortSignal): string {
  signal.throwIfAborted();
  if (error instanceof DOMException && error.name === "TimeoutError") return `no answer within ${timeoutMs} ms`;
  return error instanceof Error ? error.message : String(error);
}
