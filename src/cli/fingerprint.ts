import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { FiredrillError } from "../support/errors.ts";
import { readOnlyDrivers } from "../wire.ts";
import { settingsFrom } from "./app.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, required, text } from "./options.ts";
import { namedSystem, primaryOf } from "./system-database.ts";
import { oneLine } from "./terminal/plain-text.ts";

/** Content digests and definitions of a database as one file, to compare restored copies with. */
export async function command(io: CliIo, _args: readonly string[], options: Options): Promise<number> {
  const out = required(options, "out");
  const path = resolve(io.cwd, out);
  const system = await namedSystem(io, options);
  const database = primaryOf(system, text(options, "database"));
  if (existsSync(path) && !flag(options, "force")) {
    throw new FiredrillError("FILE_EXISTS", `${out} is there already`, {
      hint: "choose another name, or --force to replace it",
    });
  }
  const { sessions, baselineFiles, clock } = readOnlyDrivers(settingsFrom(io, options));
  // Tables are as large as they are: only the interruption ends a statement.
  const connecting = { readOnly: true, statementTimeoutMs: 0, connectTimeoutMs: CONNECT_MS, signal: io.interrupted };
  await using session = await sessions.open(database, connecting);
  const tell = (done: number, total: number): void => io.err(`table ${done} of ${total}\n`);
  const baseline = await baselineFiles.take(session, { clock, onTable: tell });
  await baselineFiles.write(path, baseline);
  const { tables, excluded, lsn, takenAt } = baseline;
  const counts = { tables: Object.keys(tables).length, excluded: Object.keys(excluded).length };
  if (flag(options, "json")) printJson(io, { path, database: baseline.database, lsn, takenAt, ...counts });
  else io.out(`${out}: ${counts.tables} tables of ${oneLine(baseline.database)} at ${lsn}${left(excluded)}\n`);
  return 0;
}

const CONNECT_MS = 10_000;

function left(excluded: Readonly<Record<string, string>>): string {
  const rows = Object.entries(excluded).map(([name, reason]) => `\n  left out: ${oneLine(name)} (${oneLine(reason)})`);
  return rows.join("");
}
