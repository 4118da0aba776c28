import { APPROVAL_USES } from "../drills/consents.ts";
import type { Plan } from "../drills/plan.ts";
import { type ApprovalRequest, requestedSteps } from "./approvals/approval-files.ts";
import { waitingApprovals } from "./approvals/decide-approval.ts";
import { rebased } from "./deadlines.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { foldRun } from "./fold-run.ts";
import { readJournal } from "./journal/journal-reader.ts";
import { readHalt } from "./state/halt-requests.ts";
import { journalPath, readPlan } from "./state/run-directory.ts";

export interface WaitsForPerson {
  readonly step: string;
  readonly question: string;
  /** When its time is over; wall clock. */
  readonly untilWallUs: number;
}

/**
 * The question of a run that has nothing else to do than to wait for its answer; null when there is other work, also because
 * the time for the answer is over or a halt was asked for. Throws what reading the run throws.
 */
export async function waitsForPerson(dir: string, deps: EngineDeps): Promise<WaitsForPerson | null> {
  // Most runs ask nothing, and need not be read for that.
  if ((await requestedSteps(dir)).length === 0) return null;
  const questions = await waitingApprovals(dir);
  if (questions.length === 0) return null;
  if ((await readHalt(dir)) !== null || (await readHalt(deps.state.root)) !== null) return null;
  return onlyQuestion(await readPlan(dir), questions, dir, deps);
}

async function onlyQuestion(
  plan: Plan,
  questions: readonly ApprovalRequest[],
  dir: string,
  { clock }: EngineDeps,
): Promise<WaitsForPerson | null> {
  const { state, memory } = foldRun(plan, (await readJournal(journalPath(dir))).records);
  const asks = new Set(plan.steps.filter(({ uses }) => uses === APPROVAL_USES).map(({ id }) => id));
  const busy = [...state.steps.values()].filter((step) => BUSY.has(step.state));
  const [first] = busy;
  const { last, phase } = memory;
  if (first === undefined || last === null || !busy.every(({ id, state: at }) => at === "running" && asks.has(id)))
    return null;
  const question = questions.find(({ step }) => step === first.id);
  const ends = busy.map(({ id }) => memory.attempts.get(id)?.deadlineMonoUs ?? 0);
  const leftUs = rebased(Math.min(...ends, phase?.deadlineMonoUs ?? Infinity), last, clock) - clock.monoUs();
  if (question === undefined || leftUs <= 0) return null;
  return { step: first.id, question: question.question, untilWallUs: clock.wallUs() + leftUs };
}

/** States in which a step, or what was asked about it, is under way. */
const BUSY: ReadonlySet<string> = new Set(["guarded", "ready", "running", "stopping", "backoff"]);
