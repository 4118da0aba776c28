import { resolve } from "node:path";
import { latestRunId, showRun } from "../engine/list-runs.ts";
import { openExistingApp } from "./app.ts";
import { writeReport } from "./drill.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, text } from "./options.ts";

export async function command(io: CliIo, [named = "latest"]: readonly string[], options: Options): Promise<number> {
  const { state, clock } = await openExistingApp(io, options);
  const runId = named === "latest" ? await latestRunId(state.root) : named;
  const { result, plan, records, summary } = await showRun(state.root, runId, clock.bootId);
  const out = text(options, "out");
  const path = out === undefined ? undefined : resolve(io.cwd, out);
  const written = await writeReport(summary.dir, result, plan, records, path);
  if (flag(options, "json")) printJson(io, { runId, path: written });
  else io.out(`${written}\n`);
  return 0;
}
