import { listRuns, type RunSummary } from "../engine/list-runs.ts";
import { formatDurationUs, formatWallUs } from "../support/format.ts";
import type { App } from "../wire.ts";
import { hasState, openExistingApp, settingsFrom } from "./app.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, wholeNumber } from "./options.ts";
import { oneLine } from "./terminal/plain-text.ts";

export async function command(io: CliIo, _args: readonly string[], options: Options): Promise<number> {
  const limit = wholeNumber(options, "limit", 1) ?? 20;
  const runs = hasState(settingsFrom(io, options)) ? await runsOf(await openExistingApp(io, options), limit) : [];
  if (flag(options, "json")) printJson(io, runs);
  else io.out(runs.length === 0 ? "no runs yet\n" : runs.map(runLine).join(""));
  return 0;
}

function runsOf({ state, clock }: App, limit: number): Promise<readonly RunSummary[]> {
  return listRuns(state.root, clock.bootId, limit);
}

export function runLine(run: RunSummary): string {
  const started = run.startedWallUs === null ? "" : formatWallUs(run.startedWallUs, 0);
  const took =
    run.startedWallUs === null || run.lastWallUs === null ? "" : formatDurationUs(run.lastWallUs - run.startedWallUs);
  const result = run.result ?? run.status;
  return `${run.runId}  ${started}  ${took.padStart(11)}  ${result.padEnd(22)}  ${oneLine(run.name ?? "?", 40)}${run.system === null ? "" : ` on ${oneLine(run.system, 40)}`}\n`;
}
