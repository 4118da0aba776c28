import type { Service } from "../../drills/facts.ts";
import { StepError } from "../../drills/step-error.ts";
import type { Sessions } from "../ports/postgres.ts";

/** One look at a recovered service, as a client would take it: connect, read, and write where it takes writes. */
export type Probed = { readonly kind: "healthy" } | { readonly kind: "unhealthy"; readonly reason: string };

/** Never rejects for what the service does, hanging included; rejects when `signal` (the step's) is aborted. */
export async function probeService(
  sessions: Sessions,
  service: Service,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Probed> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    await readAndWrite(sessions, service, timeoutMs, AbortSignal.any([signal, deadline]));
    return { kind: "healthy" };
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) return { kind: "unhealthy", reason: `no answer within ${timeoutMs} ms` };
    if (error instanceof StepError) return { kind: "unhealthy", reason: error.message };
    throw error;
  }
}

async function readAndWrite(
  sessions: Sessions,
  service: Service,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const options = { readOnly: !service.writable, statementTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs, signal };
  await using session = await sessions.open(service.database, options);
  // Reads a catalog from its table: a server that only parses and adds numbers up is not healthy yet.
  await session.query("select pg_catalog.count(*) from pg_catalog.pg_database");
  // A transaction that writes WAL and is acknowledged when that is durable, but leaves no row (manual: 9.28.6).
  if (service.writable) await session.query("select pg_catalog.pg_logical_emit_message(true, 'firedrill', 'hold')");
}
