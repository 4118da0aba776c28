import { latestRunId, type RunSummary, type RunView, showRun } from "../engine/list-runs.ts";
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
  const { result, summary, torn } = await showRun(state.root, runId, clock.bootId);
  if (flag(options, "json")) printJson(io, result);
  else if (text(options, "format") === "junit") io.out(renderJunit(result));
  else io.out(`${verdictText(result, paintFor(io.colour))}\n${tornText(summary, torn)}run folder: ${summary.dir}\n`);
  return 0;
}

/** Of a run at work it is only what its orchestrator writes at this moment. */
function tornText({ status, runId }: RunSummary, torn: RunView["torn"]): string {
  if (torn === null || status !== "crashed") return "";
  return `${torn.bytes} bytes of a record that was being written when the orchestrator died are passed over: resume ${runId} or clean cuts them off\n`;
}
