import { exitCodeOf } from "../drills/result.ts";
import { startRun } from "../engine/execute-run.ts";
import { requireSound } from "../machines/analysis.ts";
import { FiredrillError } from "../support/errors.ts";
import { readOnlyDrivers, readyDeps, stepCatalogue } from "../wire.ts";
import { openApp, settingsFrom } from "./app.ts";
import { confirmSystem } from "./confirm-system.ts";
import { followDrill } from "./drill.ts";
import type { CliIo } from "./io.ts";
import { loadPlan } from "./load-plan.ts";
import { flag, type Options, text } from "./options.ts";
import { requireReady } from "./require-ready.ts";

/** The plan is complete and sound before the state directory is opened: bad input creates nothing. */
export async function command(io: CliIo, [path = ""]: readonly string[], options: Options): Promise<number> {
  const { plan, playbookText, inventoryText } = await loadPlan(io, path, options, stepCatalogue());
  requireSound(plan);
  const confirm = await confirmSystem(io, plan, text(options, "confirm"));
  await requireServer(io, options);
  await requireReady(plan, readyDeps(settingsFrom(io, options)));
  const app = await openApp(io, options);
  const request = {
    plan,
    playbookText,
    inventoryText,
    trigger: text(options, "trigger") ?? "manual",
    mode: "real",
    confirm,
  } as const;
  const show = { events: flag(options, "events"), json: flag(options, "json") };
  const { result } = await followDrill(io, app, plan, show, (deps) => startRun(request, deps));
  return exitCodeOf(result, text(options, "objectives") === "warn" ? "warn" : "enforce");
}

/** A `--pg-bin` without a server is bad input, not a drill that broke. Throws `PG_BIN`. */
async function requireServer(io: CliIo, options: Options): Promise<void> {
  if (text(options, "pgBin") === undefined) return;
  try {
    await readOnlyDrivers(settingsFrom(io, options)).binaries.all(io.interrupted);
  } catch (cause) {
    if (!(cause instanceof FiredrillError)) throw cause;
    throw new FiredrillError("PG_BIN", cause.message, {
      cause,
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    });
  }
}
