import { haltInForce } from "../engine/halt-runs.ts";
import { openRuns, type RunSummary } from "../engine/list-runs.ts";
import { formatWallUs } from "../support/format.ts";
import { lookAtApp } from "./app.ts";
import { type CliIo, printJson } from "./io.ts";
import { runLine } from "./list.ts";
import { flag, type Options } from "./options.ts";
import { oneLine } from "./terminal/plain-text.ts";

export async function command(io: CliIo, _args: readonly string[], options: Options): Promise<number> {
  const app = await lookAtApp(io, options);
  if (app === null) return tellNothing(io, options);
  const { state, clock } = app;
  const open = await openRuns(state.root, clock.bootId);
  const halt = await haltInForce(state.root);
  const found = (
    await Promise.all(
      app.engine().keepers.map((keeper) => keeper.list(state.installation, AbortSignal.timeout(30_000))),
    )
  ).flat();
  if (flag(options, "json")) {
    printJson(io, { installation: state.installation, halt, runs: open, resources: found });
    return 0;
  }
  if (halt !== null)
    io.out(`HALTED since ${formatWallUs(halt.wallUs, 0)} by ${oneLine(halt.who)}: ${oneLine(halt.reason)}\n`);
  io.out(open.length === 0 ? "no run is unfinished\n" : open.map((run) => `${runLine(run)}${whatNext(run)}`).join(""));
  const running = new Set(open.filter((run) => run.status === "running").map((run) => run.runId));
  for (const { run, title, ownerAlive } of found)
    io.out(`${ownerAlive || running.has(run) ? "in use" : "LEFT"}  ${oneLine(title)} (run ${run})\n`);
  return 0;
}

function whatNext({ runId, status, resources, problem, owner, ownerStopped }: RunSummary): string {
  if (status === "damaged") return `  ${runId} cannot be read, a person must look: ${oneLine(problem ?? "")}\n`;
  if (ownerStopped && owner !== null)
    return `  process ${owner.pid}, which runs it, is stopped: kill -CONT ${owner.pid}, or firedrill resume ${runId} --take-over\n`;
  if (status === "crashed")
    return `  ${runId} has lost its orchestrator: firedrill resume ${runId}, or firedrill clean\n`;
  if (status !== "finished") return "";
  const left = resources.map(({ kind, title }) => `${kind} ${oneLine(title)}`).join("; ");
  return `  left behind: ${left}. \`firedrill show ${runId}\` says why, \`firedrill clean\` tries again\n`;
}

function tellNothing(io: CliIo, options: Options): number {
  if (flag(options, "json")) printJson(io, { installation: null, halt: null, runs: [], resources: [] });
  else io.out("no run is unfinished\n");
  return 0;
}
