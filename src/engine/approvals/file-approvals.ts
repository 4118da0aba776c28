/**
 * Asks a person by a file, and waits for the file with the answer.
 *
 * Owns: the wait. Does not: know who may answer, or where the answer comes from.
 *
 * Invariants
 *  Q1  A question is put once: whoever goes on with the run finds it and waits on, from the instant it was first put.
 *  Q2  There is one decision, the first: a timeout is one too, so that a late answer is told that it is late.
 *  Q3  A decision about another plan, run or step does not count; it is put aside and the wait goes on.
 */
import { type FSWatcher, watch } from "node:fs";
import type { ApprovalAnswer, ApprovalQuestion } from "../../drills/approval.ts";
import { type Clock, instant, type Instant } from "../../support/clock.ts";
import type { Log } from "../../support/log.ts";
import type { Timers } from "../timers.ts";
import {
  type ApprovalDecision,
  type ApprovalRequest,
  approvalsDir,
  createDecision,
  createRequest,
  readDecision,
  readRequest,
  setDecisionAside,
  withdrawRequest,
} from "./approval-files.ts";

/** How often the answer is looked for, besides being told of by the file system. */
export const APPROVAL_POLL_MS = 100;

export interface ApprovalDeps {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
}

export interface FileApprovals {
  ask(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer>;
}

export function fileApprovals(deps: ApprovalDeps): FileApprovals {
  return {
    async ask(question, signal) {
      signal.throwIfAborted();
      const request = await putOnce(question, deps);
      const asked = inOurTime(request.asked, deps.clock);
      try {
        const decision = await decided(question, request, asked, deps, signal);
        return answer(decision, asked, deps.clock);
      } catch (error) {
        await withdrawRequest(question.runDir, question.step);
        throw error;
      }
    },
  };
}

/** Q1. */
async function putOnce(question: ApprovalQuestion, { clock }: ApprovalDeps): Promise<ApprovalRequest> {
  const { runDir, runId, step, text, role, planSha256, timeoutMs } = question;
  const asked = { ...instant(clock), bootId: clock.bootId };
  const request = { run: runId, step, question: text, role, planSha256, timeoutMs, asked };
  if (await createRequest(runDir, request)) return request;
  return (await readRequest(runDir, step)) ?? request;
}

/** Of another boot: as long ago as the wall clocks say. */
function inOurTime({ wallUs, monoUs, bootId }: ApprovalRequest["asked"], clock: Clock): Instant {
  if (bootId === clock.bootId) return { wallUs, monoUs };
  return { wallUs, monoUs: clock.monoUs() - Math.max(0, clock.wallUs() - wallUs) };
}

async function decided(
  { runDir }: ApprovalQuestion,
  request: ApprovalRequest,
  asked: Instant,
  deps: ApprovalDeps,
  signal: AbortSignal,
): Promise<ApprovalDecision> {
  const dueMonoUs = asked.monoUs + request.timeoutMs * 1000;
  using bell = wakeUps(approvalsDir(runDir), dueMonoUs, deps, signal);
  for (;;) {
    const decision = await validDecision(runDir, request, deps);
    if (decision !== null) return decision;
    signal.throwIfAborted();
    if (deps.clock.monoUs() >= dueMonoUs) await createDecision(runDir, timedOut(request, dueMonoUs, deps.clock)); // Q2
    else await bell.next();
  }
}

/** Dated to when the time was over, however late that was noticed. */
function timedOut({ run, step, planSha256 }: ApprovalRequest, monoUs: number, clock: Clock): ApprovalDecision {
  const at = { monoUs, wallUs: clock.wallUs() - (clock.monoUs() - monoUs), bootId: clock.bootId };
  return { run, step, planSha256, decision: "timed_out", who: null, comment: null, decided: at };
}

/** Q3. */
async function validDecision(
  runDir: string,
  request: ApprovalRequest,
  { log, clock }: ApprovalDeps,
): Promise<ApprovalDecision | null> {
  const { step } = request;
  try {
    const decision = await readDecision(runDir, step);
    if (decision === null) return null;
    const same = (["run", "step", "planSha256"] as const).every((field) => decision[field] === request[field]);
    if (same) return decision;
    log.warn({ step, planSha256: decision.planSha256 }, "approval_of_another_plan");
  } catch (error) {
    log.warn({ step, error }, "approval_unreadable");
  }
  await setDecisionAside(runDir, step, clock.wallUs());
  return null;
}

/** The decision's own instant where it can be compared with ours and makes sense; else when we saw it. */
function answer(
  { decision, who, comment, decided: at }: ApprovalDecision,
  asked: Instant,
  clock: Clock,
): ApprovalAnswer {
  const now = instant(clock);
  const comparable = at.bootId === clock.bootId && at.monoUs >= asked.monoUs && at.monoUs <= now.monoUs;
  const answered = comparable ? { wallUs: at.wallUs, monoUs: at.monoUs } : now;
  return { decision, who, comment, asked, answered, resolutionUs: APPROVAL_POLL_MS * 1000 };
}

interface WakeUps extends Disposable {
  /** Resolves when something may have changed since the last call, at the latest after the polling interval. */
  next(): Promise<void>;
}

function wakeUps(dir: string, dueMonoUs: number, { timers, clock }: ApprovalDeps, signal: AbortSignal): WakeUps {
  let rung = Promise.withResolvers<void>();
  let disarm: (() => void) | null = null;
  const ring = (): void => rung.resolve();
  const watcher = watchFolder(dir, ring);
  signal.addEventListener("abort", ring, { once: true });
  return {
    async next() {
      disarm = timers.at(Math.min(dueMonoUs, clock.monoUs() + APPROVAL_POLL_MS * 1000), ring);
      await rung.promise;
      disarm();
      disarm = null;
      rung = Promise.withResolvers();
    },
    [Symbol.dispose]: () => {
      disarm?.();
      watcher?.close();
      signal.removeEventListener("abort", ring);
    },
  };
}

function watchFolder(dir: string, ring: () => void): FSWatcher | null {
  try {
    const watcher = watch(dir, { persistent: false }, ring);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // Polling is enough.
    return null;
  }
}
