import type { CleanedResource, CleanedRun } from "../engine/clean-run.ts";
import { type CleanReport, cleanState } from "../engine/clean-state.ts";
import { lookAtApp } from "./app.ts";
import { EXIT_DAMAGED, EXIT_ERROR, exitCodeFor } from "./exit-code.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options } from "./options.ts";
import { oneLine } from "./terminal/plain-text.ts";

/** What there is to clean where nothing has run. */
const NOTHING: CleanReport = { runs: [], resources: [], clean: true };

export async function command(io: CliIo, _args: readonly string[], options: Options): Promise<number> {
  const app = await lookAtApp(io, options);
  const report = app === null ? NOTHING : await cleanState(app.engine(), io.interrupted);
  if (flag(options, "json")) printJson(io, report);
  else
    io.out(
      [
        ...report.runs.map(runText),
        ...report.resources.map(resourceText),
        report.clean ? "clean\n" : "NOT clean\n",
      ].join(""),
    );
  return exitCode(report);
}

/** Damage comes before what is left behind: the next `clean` may remove that, and never mends a journal. */
function exitCode({ clean, runs }: CleanReport): number {
  const damaged = runs.some((run) => run.kind === "failed" && exitCodeFor(run.code) === EXIT_DAMAGED);
  if (damaged) return EXIT_DAMAGED;
  return clean ? 0 : EXIT_ERROR;
}

function runText(run: CleanedRun): string {
  switch (run.kind) {
    case "finished":
      return `${run.runId}  finished; ${run.leftovers} left behind\n`;
    case "removed":
      return `${run.runId}  never began; its folder is removed\n`;
    case "running":
      return `${run.runId}  is running; left alone\n`;
    case "failed":
      return `${run.runId}  NOT finished: ${run.code} ${oneLine(run.message, 1000)}\n`;
    default:
      return run satisfies never;
  }
}

function resourceText(resource: CleanedResource): string {
  const title = `${oneLine(resource.title)} (run ${resource.run})`;
  switch (resource.kind) {
    case "destroyed":
      return `removed ${title}: ${oneLine(resource.verifiedBy)}\n`;
    case "leftover":
      return `LEFT    ${title}: ${oneLine(resource.reason)}\n`;
    case "kept":
      return `kept    ${title}: ${oneLine(resource.reason)}\n`;
    default:
      return resource satisfies never;
  }
}
