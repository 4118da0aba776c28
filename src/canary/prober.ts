/**
 * The prober: a client that reads and writes once per interval and notes what came of it.
 *
 * Invariants
 *  P1  A probe is good when its read and its write were both answered within their deadlines, the write by one new row: to change
 *      one again and again needs no room, and would not tell of a full disk.
 *  P2  A connection that breaks between two probes is a failed probe at that instant.
 *  P3  It is never silent for longer than `SILENCE_US`: a prober that is says nothing of the service.
 *  P4  Never faster than asked.
 */
import type { Clock } from "../support/clock.ts";
import { connectAlong } from "./connect-path.ts";
import type { CanaryConnection } from "./connection.ts";
import type { LogFile } from "./log-file.ts";
import { probeTable } from "./names.ts";
import { qualified } from "./quote.ts";
import { word } from "./reason.ts";
import { sleepUntil } from "./sleep.ts";
import { nextSlot } from "./slots.ts";
import type { ProberSpec } from "./specs.ts";

export interface ProberDeps {
  readonly spec: ProberSpec;
  readonly log: LogFile;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export const SILENCE_US = 250_000;

export async function runProber(deps: ProberDeps): Promise<void> {
  const { spec, clock, log, signal } = deps;
  const heartbeat = setInterval(() => beat(deps), SILENCE_US / 2 / 1000);
  const originUs = clock.monoUs();
  let lastBeginUs: number | null = null;
  let connection: CanaryConnection | null = null;
  while (!signal.aborted) {
    const dueUs = nextSlot(originUs, spec.intervalUs, clock.monoUs(), lastBeginUs); // P4
    await sleepUntil(clock, dueUs, spec.intervalUs, connection === null ? [signal] : [signal, connection.gone]);
    if (signal.aborted) break;
    if (connection !== null && connection.lost !== null) {
      log.line("f", clock.monoUs(), "-", 0, connection.lost); // P2
      connection = null;
      continue;
    }
    lastBeginUs = clock.monoUs();
    connection = await probe(deps, connection, lastBeginUs);
  }
  clearInterval(heartbeat);
  await connection?.close();
}

function beat({ clock, log }: ProberDeps): void {
  const { monoUs } = log.now();
  if (monoUs - log.lastUs >= SILENCE_US / 2) log.line("h", clock.monoUs()); // P3
}

/** The connection that the next probe can use, or null. */
async function probe(
  deps: ProberDeps,
  kept: CanaryConnection | null,
  beginUs: number,
): Promise<CanaryConnection | null> {
  const { log, clock, signal } = deps;
  const since = (): number => clock.monoUs() - beginUs;
  const connection = kept ?? (await connect(deps, beginUs));
  if (connection === null) return null;
  const { schema, table } = deps.spec;
  const row = qualified(schema, probeTable(table));
  const read = await oneRow(deps, connection, beginUs, `select n from ${row} where id = 1`);
  const readUs = read === null ? since() : "-";
  const failure = read ?? (await oneRow(deps, connection, beginUs, `insert into ${row} (n) values (0) returning n`));
  if (failure === null) {
    log.line("p", beginUs, readUs, since()); // P1
    return connection;
  }
  // What ends because we were told to end is no failure of the service.
  if (!signal.aborted || connection.lost === null) log.line("f", beginUs, readUs, since(), failure);
  connection.drop(failure);
  return null;
}

async function connect({ spec, clock, log, signal }: ProberDeps, beginUs: number): Promise<CanaryConnection | null> {
  const tried = await connectAlong(spec.path, { clock, application: "firedrill prober", signal });
  const tookUs = clock.monoUs() - beginUs;
  if (tried.kind === "connected") {
    log.line("c", clock.monoUs(), tried.connection.endpoint);
    return tried.connection;
  }
  if (!signal.aborted) log.line("f", beginUs, "-", tookUs, tried.reason);
  return null;
}

/** Null: exactly one row came, in time. A probe as a whole has the time of one walk along the path and two answers. */
async function oneRow(
  { spec, clock }: ProberDeps,
  connection: CanaryConnection,
  beginUs: number,
  text: string,
): Promise<string | null> {
  const wholeUs = spec.path.hosts.length * spec.path.connectTimeoutUs + 2 * spec.answerTimeoutUs;
  const leftUs = beginUs + wholeUs - clock.monoUs();
  if (leftUs <= 0) return "probe_timeout";
  const answer = await connection.ask(text, Math.min(spec.answerTimeoutUs, leftUs));
  switch (answer.kind) {
    case "rows":
      return answer.rows.length === 1 ? null : "no_row";
    case "error":
      return word(answer.sqlstate);
    case "lost":
      return answer.reason;
    default:
      return answer satisfies never;
  }
}
