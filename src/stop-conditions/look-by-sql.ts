import type { ClientPath } from "../drills/client-path.ts";
import { clientPathOf } from "../drills/node-database.ts";
import type { SystemSnapshot } from "../drills/inventory.ts";
import type { StopReading } from "../drills/stop-condition.ts";
import type { Session, Sessions } from "../steps/ports/postgres.ts";
import type { Clock } from "../support/clock.ts";
import { judgeValue, unknown } from "./judge-value.ts";

export interface SqlDeps {
  readonly sessions: Sessions;
  readonly clock: Clock;
}

export interface SqlLook {
  readonly query: string;
  readonly expect: string;
  readonly timeoutMs: number;
}

/** Asks on the path of the system's clients: its hosts in their order, each with its share of the time that is left. */
export async function lookBySql(
  look: SqlLook,
  system: SystemSnapshot | null,
  deps: SqlDeps,
  signal: AbortSignal,
): Promise<StopReading> {
  if (system === null || system.client.hosts.length === 0) return unknown("the system has no address to ask at");
  const path = clientPathOf(system);
  const endUs = deps.clock.monoUs() + look.timeoutMs * 1000;
  const refusals: string[] = [];
  for (const [index, host] of path.hosts.entries()) {
    const leftMs = Math.floor((endUs - deps.clock.monoUs()) / 1000);
    const timeoutMs = Math.max(1, Math.floor(leftMs / (path.hosts.length - index)));
    const answer = await askHost({ ...look, timeoutMs }, path, host, deps, signal);
    if (answer.kind === "reading") return answer.reading;
    refusals.push(`${host.host}:${host.port} ${answer.reason}`);
  }
  return unknown(refusals.join("; "));
}

type HostAnswer =
  | { readonly kind: "reading"; readonly reading: StopReading }
  | { readonly kind: "passed_over"; readonly reason: string };

async function askHost(
  look: SqlLook,
  { user, database, password, targetSessionAttrs }: ClientPath,
  host: ClientPath["hosts"][number],
  { sessions }: SqlDeps,
  signal: AbortSignal,
): Promise<HostAnswer> {
  signal.throwIfAborted();
  const at = { engine: "postgresql", sandbox: null, ...host, user, database, password } as const;
  const limits = { readOnly: true, statementTimeoutMs: look.timeoutMs, connectTimeoutMs: look.timeoutMs, signal };
  try {
    await using session = await sessions.open(at, limits);
    if (targetSessionAttrs === "read-write" && (await inRecovery(session)))
      return { kind: "passed_over", reason: "takes no writes" };
    return { kind: "reading", reading: await readValue(session, look) };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "passed_over", reason: error instanceof Error ? error.message : String(error) };
  }
}

async function inRecovery(session: Session): Promise<boolean> {
  const [row] = await session.query<{ readonly standby: string }>(
    "select pg_catalog.pg_is_in_recovery()::text as standby",
  );
  return row?.standby === "true";
}

type ValueRow = { readonly value: string | null; readonly columns: string };

/** The parameter makes the client use the extended protocol, where the server refuses several statements (manual: 55.2.3). */
async function readValue(session: Session, { query, expect }: SqlLook): Promise<StopReading> {
  // The line break ends a `--` comment at the end of the query.
  const inner = query.replace(/[\s;]+$/u, "");
  const rows = await session.query<ValueRow>(
    `select firedrill_answer.firedrill_value::text as value,
  (select pg_catalog.count(*)::text from pg_catalog.json_object_keys(pg_catalog.row_to_json(firedrill_answer))) as columns
from (\n${inner}\n) as firedrill_answer(firedrill_value) limit $1`,
    [2],
  );
  const [row] = rows;
  if (row === undefined || rows.length > 1 || row.columns !== "1")
    return unknown(
      `${rows.length === 2 ? "several" : rows.length} rows of ${row?.columns ?? "no"} columns, not one value`,
    );
  return judgeValue(row.value, expect);
}
