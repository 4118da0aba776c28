import { latestRunId, showRun } from "../engine/list-runs.ts";
import { renderJunit } from "../evidence/junit.ts";
import { openExistingApp } from "./app.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, text } from "./options.ts";
import { paintFor } from "./terminal/paint.ts";
import { verdictText } from "./terminal/verdict-text.ts";

/** Measured now from the journal; `--json` prints the same document as `result.json`, `--format junit` what CI reads. */
export async function command(io: CliIo, [named = "latest"]: readonly string[], options: Options): Promise<number> {
  const { state, clock } = await openExistingApp(io, options);
  const runId = named === "latest" ? await latestRunId(state.root) : named;
  const { result, summary } = await showRun(state.root, runId, clock.bootId);
  if (flag(options, "json")) printJson(io, result);
  else if (text(options, "format") === "junit") io.out(renderJunit(result));
  else io.out(`${verdictText(result, paintFor(io.colour))}\nrun folder: ${summary.dir}\n`);
  return 0;
}
