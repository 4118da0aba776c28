/**
 * Goes on with every run whose orchestrator died: for `firedrill resume --all`, and for a server when it starts.
 *
 * Owns: which runs are taken over, in which order, how many at a time. Does not: know how a run goes on (resume-run.ts), or
 * remove what nobody owns (clean-state.ts).
 *
 * Invariants
 *  V1  A run that somebody owns is left alone, living or stopped: to take it from its owner is a person's decision.
 *  V2  A run that waits for a person's answer, and for nothing else, is left as it is: it would hold a place for hours.
 *  V3  Runs of one system go on one after another, the eldest first: only one can hold it.
 *  V4  What becomes of one run changes nothing for the others.
 *  V5  A run whose last records say that it has ended is not read.
 */
import type { RunResult } from "../drills/result.ts";
import { FiredrillError } from "../support/errors.ts";
import { inLanes } from "../support/in-lanes.ts";
import type { RunHandle, RunOutcome } from "./drive-run.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { journalEnd } from "./journal-end.ts";
import { lanesOf } from "./run-lanes.ts";
import { startResume } from "./resume-run.ts";
import { journalPath, runIds } from "./state/run-directory.ts";
import { runDir } from "./state/state-directory.ts";
import { stepFailure } from "./step-failure.ts";
import { type WaitsForPerson, waitsForPerson } from "./waits-for-person.ts";

export type RecoveredRun =
  | { readonly kind: "finished"; readonly runId: string; readonly dir: string; readonly result: RunResult }
  /** V2. */
  | ({ readonly kind: "waiting"; readonly runId: string } & WaitsForPerson)
  /** V1: the message says by whom. */
  | { readonly kind: "owned"; readonly runId: string; readonly message: string }
  /** Its orchestrator died before its first record: nothing was done. */
  | { readonly kind: "never_began"; readonly runId: string }
  | { readonly kind: "failed"; readonly runId: string; readonly code: string; readonly message: string };

export interface RecoverOptions {
  /** Runs at a time. */
  readonly limit: number;
  /** Aborted: begins no more, and halts those under way into their cleanup. */
  readonly signal: AbortSignal;
  /** Told of each as soon as it is known. */
  readonly onRun?: (run: RecoveredRun) => void;
  /** Told when a run is taken over. */
  readonly onBegin?: (run: RunHandle) => void;
}

/** Never rejects for a run. In the order in which they ended. */
export async function recoverState(deps: EngineDeps, options: RecoverOptions): Promise<readonly RecoveredRun[]> {
  const done: RecoveredRun[] = [];
  const lanes = await lanesOf(deps.state.root, await unfinishedRuns(deps.state.root));
  await inLanes(lanes, options.limit, options.signal, async (runId) => {
    const run = await recoverRun(runId, deps, options);
    if (run === null) return;
    done.push(run);
    options.onRun?.(run);
  });
  return done;
}

/** Eldest first (V5). */
export async function unfinishedRuns(root: string): Promise<readonly string[]> {
  const ids = await runIds(root);
  return ids.filter((runId) => journalEnd(journalPath(runDir(root, runId)), runId).kind !== "ended").toReversed();
}

/** Null: it has ended meanwhile. */
async function recoverRun(runId: string, deps: EngineDeps, options: RecoverOptions): Promise<RecoveredRun | null> {
  try {
    const waits = await waitsForPerson(runDir(deps.state.root, runId), deps);
    if (waits !== null) return { kind: "waiting", runId, ...waits };
    const { dir, result } = await followed(await startResume(runId, deps), options);
    return { kind: "finished", runId, dir, result };
  } catch (error) {
    return notRecovered(runId, error, deps);
  }
}

async function followed(run: RunHandle, { signal, onBegin }: RecoverOptions): Promise<RunOutcome> {
  const stop = (): void => run.halt({ by: "signal", reason: String(signal.reason), who: null });
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  onBegin?.(run);
  try {
    return await run.outcome;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function notRecovered(runId: string, error: unknown, deps: EngineDeps): RecoveredRun | null {
  const code = error instanceof FiredrillError ? error.code : null;
  if (code === "RUN_FINISHED") return null;
  if (code === "RUN_INCOMPLETE") return { kind: "never_began", runId };
  const failure = stepFailure(error, deps.redactor);
  if (code === "RUN_LOCKED") return { kind: "owned", runId, message: failure.message };
  return { kind: "failed", runId, code: failure.code, message: failure.message };
}
