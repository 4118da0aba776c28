import { exitCodeOf } from "../drills/result.ts";
import type { Seizure } from "../engine/end-owner.ts";
import { startResume } from "../engine/resume-run.ts";
import { requireNamed } from "../engine/state/halt-requests.ts";
import { existingRunDir, readPlan } from "../engine/state/run-directory.ts";
import { FiredrillError } from "../support/errors.ts";
import { openExistingApp } from "./app.ts";
import { followDrill } from "./drill.ts";
import type { CliIo } from "./io.ts";
import { flag, type Options, text } from "./options.ts";
import { resumeAll } from "./resume-all.ts";

export async function command(io: CliIo, [runId]: readonly string[], options: Options): Promise<number> {
  const all = flag(options, "all");
  if (all === (runId !== undefined)) {
    throw new FiredrillError("USAGE", "resume takes a run id, or --all", {
      hint: "firedrill status lists the runs that have lost their orchestrator",
    });
  }
  const seizure = seizureOf(options);
  if (runId === undefined) {
    if (seizure !== null) throw new FiredrillError("USAGE", "--take-over goes with one run, not with --all");
    return resumeAll(io, options);
  }
  const app = await openExistingApp(io, options);
  const plan = await readPlan(existingRunDir(app.state.root, runId));
  const show = { events: false, json: flag(options, "json") };
  const { result } = await followDrill(io, app, plan, show, (deps) => startResume(runId, deps, seizure));
  return exitCodeOf(result, "enforce");
}

function seizureOf(options: Options): Seizure | null {
  const words = { who: text(options, "who") ?? "", reason: text(options, "reason") ?? "" };
  if (!flag(options, "takeOver")) return null;
  requireNamed(words);
  return words;
}
