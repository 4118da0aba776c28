import { haltAll, haltRun, liftHalt } from "../engine/halt-runs.ts";
import { requireNamed } from "../engine/state/halt-requests.ts";
import { FiredrillError } from "../support/errors.ts";
import { openApp, openExistingApp } from "./app.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options, text } from "./options.ts";

export async function command(io: CliIo, [runId]: readonly string[], options: Options): Promise<number> {
  const all = flag(options, "all");
  if (all === (runId !== undefined)) {
    throw new FiredrillError("USAGE", "halt takes a run id, or --all", {
      hint: "firedrill status lists the runs that are not finished",
    });
  }
  if (!all && flag(options, "lift"))
    throw new FiredrillError("USAGE", "--lift goes with --all: the halt of a single run is not taken back");
  const words = { who: text(options, "who") ?? "", reason: text(options, "reason") ?? "" };
  requireNamed(words);
  const { state, clock } = await (all ? openApp(io, options) : openExistingApp(io, options));
  if (flag(options, "lift")) {
    const lifted = await liftHalt(state.root, words, clock);
    told(
      io,
      options,
      { lifted: lifted !== null },
      lifted === null ? "no halt was in force" : "lifted; runs are allowed again",
    );
  } else if (runId === undefined) {
    await haltAll(state.root, words, clock);
    told(
      io,
      options,
      { halted: "all" },
      "every run is asked to stop; new runs are refused until `firedrill halt --all --lift`",
    );
  } else {
    await haltRun(state.root, runId, words, clock);
    told(io, options, { halted: runId }, `${runId} is asked to stop into cleanup`);
  }
  return 0;
}

function told(io: CliIo, options: Options, result: object, words: string): void {
  if (flag(options, "json")) printJson(io, result);
  else io.out(`${words}\n`);
}
