import { exitCodeOf } from "../drills/result.ts";
import { startResume } from "../engine/resume-run.ts";
import { existingRunDir, readPlan } from "../engine/state/run-directory.ts";
import { openExistingApp } from "./app.ts";
import { followDrill } from "./drill.ts";
import type { CliIo } from "./io.ts";
import { flag, type Options } from "./options.ts";

export async function command(io: CliIo, [runId = ""]: readonly string[], options: Options): Promise<number> {
  const app = await openExistingApp(io, options);
  const plan = await readPlan(existingRunDir(app.state.root, runId));
  const show = { events: false, json: flag(options, "json") };
  const { result } = await followDrill(io, app, plan, show, (deps) => startResume(runId, deps));
  return exitCodeOf(result, "enforce");
}
