import { haltInForce } from "../engine/halt-runs.ts";
import { listRuns } from "../engine/list-runs.ts";
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
  const open = (await listRuns(state.root, clock.bootId)).filter(
    (run) => run.status !== "finished" || run.resources.length > 0,
  );
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
  io.out(open.length === 0 ? "no run is unfinished\n" : open.map(runLine).join(""));
  for (const run of open)
    if (run.status === "crashed")
      io.out(`  ${run.runId} has lost its orchestrator: firedrill resume ${run.runId}, or firedrill clean\n`);
  for (const resource of found)
    io.out(`${resource.ownerAlive ? "in use" : "LEFT"}  ${oneLine(resource.title)} (run ${resource.run})\n`);
  return 0;
}

function tellNothing(io: CliIo, options: Options): number {
  if (flag(options, "json")) printJson(io, { installation: null, halt: null, runs: [], resources: [] });
  else io.out("no run is unfinished\n");
  return 0;
}
