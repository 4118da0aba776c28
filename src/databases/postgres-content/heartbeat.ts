import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../../drills/step-error.ts";
import type { Session } from "../../steps/ports/postgres.ts";
import type { Clock } from "../../support/clock.ts";
import type { Log } from "../../support/log.ts";
import { openHeartbeatTable } from "./heartbeat-table.ts";

/**
 * Job: one row per interval in a table of its own, for as long as it is asked to; the newest row in a restored copy says how
 * much was lost. Owns the table, nothing else.
 *
 * 1. Never faster than asked: a beat begins at least one interval after the one before began, also after a reconnection.
 * 2. The table stays small: at most `keepRows` rows and one round of pruning more.
 * 3. A connection that breaks is made again for ever, with growing pauses; the first one must succeed.
 * 4. An abort ends it without an error, at once.
 */
export interface HeartbeatOptions {
  connect(signal: AbortSignal): Promise<Session>;
  readonly schema: string;
  readonly intervalMs: number;
  /** Ends after so many beats; null: only by the signal. */
  readonly count: number | null;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Default 10,000. */
  readonly keepRows?: number;
}

export interface HeartbeatSummary {
  readonly beats: number;
  readonly reconnections: number;
}

const DEFAULT_KEEP = 10_000;
/** Deleting a hundred rows costs about as much as one beat. */
const PRUNE_EVERY = 100;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

interface Beating {
  beats: number;
  reconnections: number;
  /** Monotonic, when the last beat began; null before the first. */
  lastUs: number | null;
  pauseMs: number;
  connectedOnce: boolean;
}

/** Errors, on the first connection only: those of the connection, `HEARTBEAT_FOREIGN`, `HEARTBEAT_BUSY`. */
export async function runHeartbeat(options: HeartbeatOptions): Promise<HeartbeatSummary> {
  const beating: Beating = { beats: 0, reconnections: 0, lastUs: null, pauseMs: FIRST_PAUSE_MS, connectedOnce: false };
  while (!isOver(options, beating)) {
    try {
      await beatOnOneConnection(options, beating);
    } catch (error) {
      if (options.signal.aborted) break; // 4
      if (!beating.connectedOnce || isForeign(error)) throw error; // 3
      await pause(options, beating, error);
    }
  }
  return { beats: beating.beats, reconnections: beating.reconnections };
}

function isOver({ count, signal }: HeartbeatOptions, { beats }: Beating): boolean {
  return signal.aborted || (count !== null && beats >= count);
}

function isForeign(error: unknown): boolean {
  return error instanceof StepError && error.code === "HEARTBEAT_FOREIGN";
}

async function beatOnOneConnection(options: HeartbeatOptions, beating: Beating): Promise<void> {
  await using session = await options.connect(options.signal);
  const table = await openHeartbeatTable(session, options.schema);
  if (beating.connectedOnce) {
    beating.reconnections += 1;
    options.log.info({ table: table.name, reconnections: beating.reconnections }, "heartbeat.reconnected");
  } else {
    options.log.info({ table: table.name, intervalMs: options.intervalMs }, "heartbeat.started");
  }
  beating.connectedOnce = true;
  while (!isOver(options, beating)) {
    await untilDue(options, beating);
    beating.lastUs = options.clock.monoUs();
    await beat(session, table.name, options, beating);
    beating.beats += 1;
    beating.pauseMs = FIRST_PAUSE_MS;
  }
}

/** 1 */
async function untilDue({ clock, intervalMs, signal }: HeartbeatOptions, { lastUs }: Beating): Promise<void> {
  if (lastUs === null) return;
  for (;;) {
    const waitUs = lastUs + intervalMs * 1000 - clock.monoUs();
    if (waitUs <= 0) return;
    await delay(Math.ceil(waitUs / 1000), undefined, { signal });
  }
}

/** The table's default takes the time as late as possible: the server's, at the row's own insertion. */
async function beat(session: Session, table: string, options: HeartbeatOptions, beating: Beating): Promise<void> {
  const [row] = await session.query<{ readonly seq: string }>(
    `insert into ${table} (interval_ms) values ($1) returning seq::text as seq`,
    [options.intervalMs],
  );
  if (row === undefined || beating.beats % PRUNE_EVERY !== 0) return;
  await session.query(`delete from ${table} where seq <= $1::bigint - $2::bigint`, [
    row.seq,
    options.keepRows ?? DEFAULT_KEEP,
  ]); // 2
}

async function pause(options: HeartbeatOptions, beating: Beating, error: unknown): Promise<void> {
  const reason = error instanceof Error ? error.message : String(error);
  options.log.warn({ reason, againInMs: beating.pauseMs }, "heartbeat.interrupted");
  await delay(beating.pauseMs, undefined, { signal: options.signal }).catch(() => undefined); // 4
  beating.pauseMs = Math.min(LONGEST_PAUSE_MS, beating.pauseMs * 2);
}
