import { haltAll, haltRun, liftHalt } from "../engine/halt-runs.ts";
import { FiredrillError } from "../support/errors.ts";
import { openApp } from "./app.ts";
import type { CliIo } from "./io.ts";
import { flag, type Options, text } from "./options.ts";

export async function command(io: CliIo, [runId]: readonly string[], options: Options): Promise<number> {
  const all = flag(options, "all");
  if (all === (runId !== undefined)) {
    throw new FiredrillError("USAGE", "halt takes a run id, or --all", { hint: "firedrill status lists the runs that are not finished" });
  }
  const words = { who: text(options, "who") ?? "", reason: text(options, "reason") ?? "" };
  const { state, clock } = await openApp(io, options);
  if (flag(options, "lift")) {
    if (!all) throw new FiredrillError("USAGE", "--lift goes with --all: the halt of a single run is not taken back");
    const lifted = await liftHalt(state.root, words, clock);
    io.out(lifted === null ? "no halt was in force\n" : `lifted; runs are allowed again\n`);
  } else if (runId === undefined) {
    await haltAll(state.root, words, clock);
    io.out("every run is asked to stop; new runs are refused until `firedrill halt --all --lift`\n");
  } else {
    await haltRun(state.root, runId, words, clock);
    io.out(`${runId} is asked to stop into cleanup\n`);
  }
  return 0;
}
