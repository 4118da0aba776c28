import { exitCodeOf } from "../drills/result.ts";
import { type RecoveredRun, recoverState } from "../engine/recover-state.ts";
import { showRun } from "../engine/list-runs.ts";
import { formatWallUs } from "../support/format.ts";
import type { App } from "../wire.ts";
import { lookAtApp } from "./app.ts";
import { writeReport } from "./drill.ts";
import { EXIT_DAMAGED, EXIT_ERROR, exitCodeFor } from "./exit-code.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, wholeNumber } from "./options.ts";
import { oneLine } from "./terminal/plain-text.ts";

const AT_A_TIME = 4;

/** 0: every run that could go on has passed; 6: one has a damaged journal; 5: one could not go on; else the first of a run that did not pass. */
export async function resumeAll(io: CliIo, options: Options): Promise<number> {
  const limit = wholeNumber(options, "limit", 1) ?? AT_A_TIME;
  const app = await lookAtApp(io, options);
  const json = flag(options, "json");
  const onRun = (run: RecoveredRun): void => (json ? undefined : io.out(runText(run)));
  const runs = app === null ? [] : await recoverState(app.engine(), { limit, signal: io.interrupted, onRun });
  if (app !== null) await writeReports(app, runs);
  if (json) printJson(io, runs.map(asJson));
  else if (runs.length === 0) io.out("no run has lost its orchestrator\n");
  return exitCode(runs);
}

async function writeReports({ state, clock }: App, runs: readonly RecoveredRun[]): Promise<void> {
  for (const run of runs) {
    if (run.kind !== "finished") continue;
    const { result, plan, records } = await showRun(state.root, run.runId, clock.bootId);
    await writeReport(run.dir, result, plan, records);
  }
}

function runText(run: RecoveredRun): string {
  switch (run.kind) {
    case "finished":
      return `${run.runId}  ${run.result.result}${doubt(run)}\n`;
    case "waiting":
      return `${run.runId}  waits for a person until ${formatWallUs(run.untilWallUs, 0)}: ${oneLine(run.question)} (firedrill approve ${run.runId} --step ${run.step}, then resume)\n`;
    case "owned":
      return `${run.runId}  left alone: ${oneLine(run.message)}\n`;
    case "never_began":
      return `${run.runId}  never began; firedrill clean removes its folder\n`;
    case "failed":
      return `${run.runId}  NOT resumed: ${run.code} ${oneLine(run.message)}\n`;
    default:
      return run satisfies never;
  }
}

function doubt({ runId, result }: Extract<RecoveredRun, { readonly kind: "finished" }>): string {
  const steps = result.steps.filter((step) => step.outcome === "in_doubt").map((step) => step.id);
  if (steps.length === 0) return "";
  return `; IN DOUBT: nobody knows what ${steps.join(", ")} did. Look at the system, then at firedrill show ${runId}`;
}

/** The whole result stands in the run's folder. */
function asJson(run: RecoveredRun): object {
  if (run.kind !== "finished") return run;
  const { result, exitCode: code } = run.result;
  return { kind: run.kind, runId: run.runId, result, exitCode: code };
}

function exitCode(runs: readonly RecoveredRun[]): number {
  const failed = runs.flatMap((run) => (run.kind === "failed" ? [exitCodeFor(run.code)] : []));
  if (failed.length > 0) return failed.includes(EXIT_DAMAGED) ? EXIT_DAMAGED : EXIT_ERROR;
  const codes = runs.map((run) => (run.kind === "finished" ? exitCodeOf(run.result, "enforce") : 0));
  return codes.find((code) => code !== 0) ?? 0;
}
