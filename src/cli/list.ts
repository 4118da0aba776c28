import { listRuns, type RunSummary } from "../engine/list-runs.ts";
import { formatDurationUs, formatWallUs } from "../support/format.ts";
import { lookAtApp } from "./app.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, wholeNumber } from "./options.ts";
import { oneLine } from "./terminal/plain-text.ts";

export async function command(io: CliIo, _args: readonly string[], options: Options): Promise<number> {
  const limit = wholeNumber(options, "limit", 1) ?? 20;
  const app = await lookAtApp(io, options);
  const runs = app === null ? [] : await listRuns(app.state.root, app.clock.bootId, limit);
  if (flag(options, "json")) printJson(io, runs);
  else io.out(runs.length === 0 ? "no runs yet\n" : runs.map(runLine).join(""));
  return 0;
}

export function runLine(run: RunSummary): string {
  const started = run.startedWallUs === null ? "" : formatWallUs(run.startedWallUs, 0);
  const took =
    run.startedWallUs === null || run.lastWallUs === null ? "" : formatDurationUs(run.lastWallUs - run.startedWallUs);
  const result = run.result ?? run.status;
  return `${run.runId}  ${started}  ${took.padStart(11)}  ${result.padEnd(22)}  ${oneLine(run.name ?? "?", 40)}${run.system === null ? "" : ` on ${oneLine(run.system, 40)}`}\n`;
}
