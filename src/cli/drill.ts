import { join } from "node:path";
import type { Plan } from "../drills/plan.ts";
import type { RunResult } from "../drills/result.ts";
import type { Recorded } from "../drills/run-event.ts";
import type { RunHandle, RunOutcome } from "../engine/drive-run.ts";
import type { EngineDeps, Observers } from "../engine/engine-deps.ts";
import { renderReport } from "../evidence/report-html/render-report.ts";
import { writeFileAtomic } from "../support/atomic-file.ts";
import type { App } from "../wire.ts";
import { type CliIo, printJson } from "./io.ts";
import { approvalDesk } from "./terminal/approval-desk.ts";
import { paintFor } from "./terminal/paint.ts";
import { verdictText } from "./terminal/verdict-text.ts";
import { watchRun } from "./terminal/watch-run.ts";

export interface DrillShow {
  /** NDJSON of every record on stdout. */
  readonly events: boolean;
  /** The result as one JSON document on stdout instead of the verdict in words. */
  readonly json: boolean;
}

export interface DrillEnd extends RunOutcome {
  readonly reportPath: string;
}

/** Follows a run that `begin` starts or resumes: shows it, stops it when asked, writes its report, prints its verdict. */
export async function followDrill(
  io: CliIo,
  app: App,
  plan: Plan,
  show: DrillShow,
  begin: (deps: EngineDeps) => Promise<RunHandle>,
): Promise<DrillEnd> {
  const records: Recorded[] = [];
  const end = await untilEnd(io, app, plan, { records, show }, begin);
  const reportPath = await writeReport(end.dir, end.result, plan, records);
  if (show.json) printJson(io, end.result);
  else if (!show.events) io.out(`${verdictText(end.result, paintFor(io.colour))}\nreport: ${reportPath}\n`);
  return { ...end, reportPath };
}

async function untilEnd(
  io: CliIo,
  app: App,
  plan: Plan,
  seen: { records: Recorded[]; show: DrillShow },
  begin: (deps: EngineDeps) => Promise<RunHandle>,
): Promise<RunOutcome> {
  using watcher = watchRun(io, plan, app.clock);
  const { user } = app.engine().orchestrator;
  using desk = approvalDesk({ io, plan, clock: app.clock, user, pause: () => watcher.pause() });
  const observers: Observers = {
    onRecord(record) {
      seen.records.push(record);
      watcher.onRecord(record);
      desk.onRecord(record);
      if (seen.show.events) io.out(`${JSON.stringify(record)}\n`);
    },
    onProgress(step, progress) {
      watcher.onProgress(step, progress);
      desk.onProgress(step, progress);
    },
  };
  const run = await begin(app.engine(observers));
  desk.open(run.dir);
  const stop = (): void => run.halt({ by: "signal", reason: String(io.interrupted.reason), who: null });
  if (io.interrupted.aborted) stop();
  io.interrupted.addEventListener("abort", stop, { once: true });
  try {
    return await run.outcome;
  } finally {
    io.interrupted.removeEventListener("abort", stop);
  }
}

export async function writeReport(
  dir: string,
  result: RunResult,
  plan: Plan,
  records: readonly Recorded[],
  path = join(dir, "report.html"),
): Promise<string> {
  await writeFileAtomic(path, renderReport(result, plan, records));
  return path;
}
