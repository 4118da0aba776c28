import { formatDuration } from "../support/duration.ts";
import { FiredrillError } from "../support/errors.ts";
import { formatBytes } from "../support/format.ts";
import { readOnlyDrivers } from "../wire.ts";
import { settingsFrom } from "./app.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, wholeNumber } from "./options.ts";
import { namedSystem, primaryOf } from "./system-database.ts";
import { oneLine } from "./terminal/plain-text.ts";

/** Until it is interrupted, or so many beats; both are an orderly end. */
export async function command(io: CliIo, _args: readonly string[], options: Options): Promise<number> {
  const count = wholeNumber(options, "count", 1) ?? null;
  const system = await namedSystem(io, options);
  const database = primaryOf(system);
  if (system.heartbeat === null) {
    throw new FiredrillError("SYSTEM_NO_HEARTBEAT", `system ${system.name} has no heartbeat in the inventory`, {
      hint: "add heartbeat: { interval: 10s } to it",
    });
  }
  const { schema, intervalMs } = system.heartbeat;
  const { sessions, heartbeat, clock, log } = readOnlyDrivers(settingsFrom(io, options));
  const where = `${oneLine(database.host)}:${database.port}, ${schema}.heartbeat`;
  io.err(`heartbeat of ${system.name} (${where}) every ${formatDuration(intervalMs)}\n${load(intervalMs)}\n`);
  const connecting = { readOnly: false, statementTimeoutMs: STATEMENT_MS, connectTimeoutMs: CONNECT_MS };
  const summary = await heartbeat({
    connect: (signal) => sessions.open(database, { ...connecting, signal }),
    schema,
    intervalMs,
    count,
    clock,
    signal: io.interrupted,
    log,
  });
  if (flag(options, "json")) printJson(io, { system: system.name, schema, intervalMs, ...summary });
  else io.out(`${summary.beats} beats, ${summary.reconnections} reconnections\n`);
  return 0;
}

const CONNECT_MS = 10_000;
/** A beat that takes longer than this is a fault of the system, and the connection is made anew. */
const STATEMENT_MS = 30_000;
/** Of one beat with its share of pruning, as growth of the WAL position of PostgreSQL 18: 247 bytes. */
const WAL_BYTES_A_BEAT = 250;
const DAY_MS = 86_400_000;

function load(intervalMs: number): string {
  const beats = Math.round(DAY_MS / intervalMs);
  const wal = formatBytes(beats * WAL_BYTES_A_BEAT);
  return `load: one connection, one insert and commit each time (${beats.toLocaleString("en")} a day, about ${wal} of WAL); the table keeps its last 10,000 rows`;
}
