import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settingsFrom } from "./app.ts";
import { codecRows } from "./doctor/codecs.ts";
import type { DoctorRow } from "./doctor/doctor-row.ts";
import { nodeRows, toolRows } from "./doctor/programs.ts";
import { sandboxRows } from "./doctor/sandbox.ts";
import { serverRows } from "./doctor/servers.ts";
import { storageRows } from "./doctor/storage.ts";
import { EXIT_ERROR } from "./exit-code.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options } from "./options.ts";
import { paintFor } from "./terminal/paint.ts";
import { oneLine } from "./terminal/plain-text.ts";

/** What this machine has and lacks. Leaves nothing behind: what has to be tried is tried in a folder that is removed. */
export async function command(io: CliIo, _args: readonly string[], options: Options): Promise<number> {
  const settings = settingsFrom(io, options);
  const scratch = await mkdtemp(join(tmpdir(), "firedrill-doctor-"));
  try {
    const rows = [
      ...nodeRows(process.version, process.platform),
      ...(await serverRows({ ...settings, stateDir: scratch }, io.interrupted)),
      ...(await sandboxRows(settings.stateDir, io.interrupted)),
      ...(await toolRows(settings.env["PATH"] ?? "")),
      ...(await storageRows(settings.stateDir)),
      ...(await codecRows()),
    ];
    const canRun = rows.every((row) => row.status !== "lacks");
    if (flag(options, "json")) printJson(io, { canRun, rows });
    else io.out(table(io, rows, canRun));
    return canRun ? 0 : EXIT_ERROR;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function table(io: CliIo, rows: readonly DoctorRow[], canRun: boolean): string {
  const paint = paintFor(io.colour);
  const colour = { ok: paint.good, hint: paint.warn, lacks: paint.bad } as const;
  const width = Math.max(...rows.map((row) => row.name.length));
  const lines = rows.flatMap(({ name, status, found, hint }) => [
    `${colour[status](status.padEnd(5))}  ${name.padEnd(width)}  ${oneLine(found)}`,
    ...(hint === null ? [] : [`${" ".repeat(9 + width)}hint: ${oneLine(hint)}`]),
  ]);
  return `${lines.join("\n")}\n\n${canRun ? "a drill can run here" : "no drill can run here until what is lacking is there"}\n`;
}
