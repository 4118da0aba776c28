/**
 * One writer of the canary: a connection that commits one marker at a time.
 *
 * Owns: its numbers, their order, and what the ledger says of each. Does not: share a connection, or decide what was lost.
 *
 * Invariants
 *  W1  `sent` is in the ledger before the statement goes out.
 *  W2  A number is used once: nothing is ever tried again.
 *  W3  One statement is one transaction (autocommit), so that it passes a pooler that shares servers between transactions.
 *  W4  `acked` is written for a commit that was acknowledged without a warning; `refused` for one that was certainly rolled
 *      back; everything else is `unknown`.
 *  W5  Never faster than asked: a slot that was missed is skipped.
 */
import type { Clock } from "../support/clock.ts";
import { provesNotCommitted } from "./committed-or-not.ts";
import type { Answer, CanaryConnection } from "./connection.ts";
import type { Door } from "./door.ts";
import type { LogFile } from "./log-file.ts";
import { payloadOf } from "./payload.ts";
import { qualified } from "./quote.ts";
import { word } from "./reason.ts";
import { sleepUntil } from "./sleep.ts";
import { nextSlot } from "./slots.ts";
import type { WriterSpec } from "./specs.ts";

export interface WriterDeps {
  readonly spec: WriterSpec;
  /** 0, 1, ... */
  readonly writer: number;
  readonly door: Door;
  readonly ledger: LogFile;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How often the same reason is noted again while the service is away. */
const SAME_REASON_US = 1_000_000;

/** Writes until it is stopped; the answer that is under way then is still waited for. */
export async function runWriter(deps: WriterDeps): Promise<void> {
  const { spec, clock, signal } = deps;
  // Writers take turns within an interval instead of coming all at once.
  const originUs = clock.monoUs() + Math.round((deps.writer * spec.intervalUs) / spec.writers);
  let seq = spec.firstSeq[deps.writer] ?? 1;
  let lastBeginUs: number | null = null;
  let connection: CanaryConnection | null = null;
  while (!signal.aborted) {
    if (connection === null || connection.lost !== null) {
      connection = await enter(deps);
      continue;
    }
    const dueUs = nextSlot(originUs, spec.intervalUs, clock.monoUs(), lastBeginUs); // W5
    await sleepUntil(clock, dueUs, spec.intervalUs, [signal, connection.gone]);
    if (signal.aborted) break;
    if (connection.lost !== null) {
      deps.ledger.line("x", clock.monoUs(), deps.writer, connection.lost);
      continue;
    }
    lastBeginUs = clock.monoUs();
    await commit(deps, connection, seq);
    seq += 1; // W2
  }
  await connection?.close();
}

async function enter({ door, ledger, clock, writer }: WriterDeps): Promise<CanaryConnection | null> {
  let noted = { reason: "", atUs: 0 };
  const connection = await door.enter((reason) => {
    const atUs = clock.monoUs();
    if (reason === noted.reason && atUs - noted.atUs < SAME_REASON_US) return;
    noted = { reason, atUs };
    ledger.line("x", atUs, writer, reason);
  });
  if (connection !== null) ledger.line("c", clock.monoUs(), writer, connection.endpoint);
  return connection;
}

async function commit(deps: WriterDeps, connection: CanaryConnection, seq: number): Promise<void> {
  const { spec, ledger, clock, writer } = deps;
  const sent = ledger.now();
  const text = insertion(spec, writer, seq, sent.wallUs);
  ledger.line("s", sent.monoUs, writer, seq); // W1
  const answer = await connection.ask(text, spec.answerTimeoutUs); // W3
  const outcome = judge(answer);
  ledger.line(outcome.kind, clock.monoUs(), writer, seq, outcome.says); // W4
  if (outcome.usable) return;
  connection.drop(outcome.says);
}

interface Outcome {
  /** `a` acked, `u` unknown, `r` refused. */
  readonly kind: "a" | "u" | "r";
  readonly says: string;
  /** Whether the connection can carry the next marker. */
  readonly usable: boolean;
}

/** A connection that leads to a server without writes is left, as a client's pool does; so is one that is in doubt. */
const READ_ONLY = "25006";

function judge(answer: Answer): Outcome {
  switch (answer.kind) {
    case "rows":
      return answer.warning === null
        ? { kind: "a", says: answer.rows[0]?.[0] ?? "0/0", usable: true }
        : { kind: "u", says: `warning:${word(answer.warning)}`, usable: true };
    case "error":
      return provesNotCommitted(answer.sqlstate)
        ? { kind: "r", says: word(answer.sqlstate), usable: answer.sqlstate !== READ_ONLY }
        : { kind: "u", says: word(answer.sqlstate), usable: false };
    case "lost":
      return { kind: "u", says: answer.reason, usable: false };
    default:
      return answer satisfies never;
  }
}

/**
 * The position comes with the acknowledgement; it is that before the commit record. `set_config(..., true)` holds until the end
 * of this transaction, its commit included.
 */
function insertion(spec: WriterSpec, writer: number, seq: number, sentUs: number): string {
  const { schema, table, synchronousCommit } = spec;
  const level =
    synchronousCommit === null ? "" : `, pg_catalog.set_config('synchronous_commit', '${synchronousCommit}', true)`;
  const values = `${writer}, ${seq}, ${sentUs}, '${payloadOf(spec.id, writer, seq, spec.payloadBytes)}'`;
  return `insert into ${qualified(schema, table)} (writer, seq, sent_us, payload) values (${values}) returning pg_catalog.pg_current_wal_insert_lsn()${level}`;
}
