import { measure } from "../drills/measure.ts";
import type { RunResult } from "../drills/result.ts";
import type { HaltSource } from "../drills/run-event.ts";
import { watchForHalt } from "./halt-watch.ts";
import { watchHold } from "./hold-watch.ts";
import type { OpenSession } from "./open-session.ts";
import { type LoopStart, RunLoop } from "./run-loop.ts";
import type { RunSession } from "./run-session.ts";
import { resultPath } from "./state/run-directory.ts";
import { staleOwner } from "./state/run-hold.ts";
import { systemFiles, writeJson } from "./state/state-files.ts";

/** A run under way. */
export interface RunHandle {
  readonly runId: string;
  /** The run's folder: journal, plan, result. */
  readonly dir: string;
  /** Stops the run into cleanup. Calling it again changes nothing; cleanup is never skipped. */
  halt(request: Halt): void;
  /** Rejects with `JOURNAL_FAILED` when the run had to be left as it is. */
  readonly outcome: Promise<RunOutcome>;
}

export interface Halt {
  readonly by: HaltSource;
  readonly reason: string;
  readonly who: string | null;
}

export interface RunOutcome {
  readonly runId: string;
  readonly dir: string;
  readonly result: RunResult;
}

/**
 * Runs the loop to the end of the run, then measures and keeps the result; lets go of journal and locks whatever happens.
 * Rejects with `STALE_OWNER` when the run was taken from this process.
 */
export function driveRun(open: OpenSession, start: LoopStart): RunHandle {
  const { session } = open;
  const loop = new RunLoop(session);
  const halt = ({ by, reason, who }: Halt): void =>
    loop.post({ type: "run.halted", data: { by, reason: reason.toWellFormed(), who } });
  const folders = [session.deps.state.root, session.dir];
  async function outcome(): Promise<RunOutcome> {
    // Let go of in the order in which they were taken, reversed: whoever has a system has the run that it is named for.
    using _lease = session.lease;
    using _hold = session.hold;
    using _held = watchHold(session);
    using _watch = watchForHalt(folders, session.deps, ({ who, reason }) => halt({ by: "halt", who, reason }));
    try {
      await loop.run(start);
      const result = await conclude(session);
      await open.end();
      return await keep(result, session);
    } catch (error) {
      throw session.hold.isLost() ? await staleOwner(session.dir, session.runId, session.deps.files) : error;
    } finally {
      await open.close();
    }
  }
  return { runId: session.runId, dir: session.dir, halt, outcome: outcome() };
}

/** Everything the verdict is computed from is durable before it is computed; the verdict itself is then put on record. */
async function conclude({ log, plan }: RunSession): Promise<RunResult> {
  await log.flush();
  const result = measure(plan, log.records);
  await log.record({ type: "run.finished", data: { result: result.result, exitCode: result.exitCode } }).durable;
  return result;
}

/** After the journal's reserve was given back: on a full disk that is the room it takes. */
async function keep(result: RunResult, { dir, runId, deps }: RunSession): Promise<RunOutcome> {
  await writeJson(deps.files ?? systemFiles, resultPath(dir), result);
  return { runId, dir, result };
}
