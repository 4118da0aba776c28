import type { Plan } from "../drills/plan.ts";
import { planSha256 } from "../drills/plan-sha256.ts";
import { FiredrillError } from "../support/errors.ts";
import { driveRun, type Halt, type RunHandle, type RunOutcome } from "./drive-run.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { type JournalContent, readJournal, repairTail } from "./journal/journal-reader.ts";
import { openSession } from "./open-session.ts";
import { leaseFor, lockForPlan } from "./hold-system.ts";
import { haltedWork, pendingWork } from "./pending-work.ts";
import type { RunSession } from "./run-session.ts";
import type { HeldLock } from "./state/exclusive-lock.ts";
import { existingRunDir, journalPath, readPlan } from "./state/run-directory.ts";
import { lockRun, writeOwner } from "./state/run-owner.ts";
import { type StateFiles, systemFiles } from "./state/state-files.ts";

/** `startResume` and its outcome. */
export async function resumeRun(runId: string, deps: EngineDeps): Promise<RunOutcome> {
  return (await startResume(runId, deps)).outcome;
}

/**
 * Takes over a run whose orchestrator died and goes on with it. Throws `RUN_UNKNOWN`, `RUN_LOCKED`, `RUN_FINISHED`,
 * `RUN_INCOMPLETE`, `PLAN_CHANGED`, `JOURNAL_DAMAGED`, `SYSTEM_BUSY`.
 */
export async function startResume(runId: string, deps: EngineDeps): Promise<RunHandle> {
  const dir = existingRunDir(deps.state.root, runId, deps.files);
  const lock = await lockRun(dir, deps.files);
  return takeOver({ runId, dir, lock, halt: null }, deps);
}

export interface TakeOver {
  readonly runId: string;
  readonly dir: string;
  readonly lock: HeldLock;
  /** Not null: the run is not gone on with but halted, which leads to its cleanup. */
  readonly halt: Halt | null;
}

/** Lets go of the locks when it throws. */
export async function takeOver({ runId, dir, lock, halt }: TakeOver, deps: EngineDeps): Promise<RunHandle> {
  let systemLock: HeldLock | null = null;
  const files = deps.files ?? systemFiles;
  try {
    const plan = await readPlan(dir, files);
    const journal = await readStarted(dir, plan, files);
    // Also for cleanup: what undoes a fault acts on the system as well.
    systemLock = await lockForPlan(plan, deps);
    await repairTail(journalPath(dir), journal, files);
    const epoch = Math.max(...journal.records.map((record) => record.epoch)) + 1;
    const { pid, startTicks, bootId, host } = deps.orchestrator;
    const owner = { pid, startTicks, bootId, host, epoch, sinceWallUs: deps.clock.wallUs() };
    await writeOwner(dir, owner, files);
    const lease = await leaseFor(systemLock, { plan, runId }, deps);
    const open = await openSession({ runId, dir, plan, epoch, lease, journal: journal.records }, deps);
    const last = open.session.memory.last;
    const clockSuspect = last !== null && last.boot !== deps.clock.bootId;
    const pending = halt === null ? pendingWork(open.session) : haltedWork(halt, open.session);
    open.session.log.record({ type: "run.resumed", data: { epoch, pid, clockSuspect } });
    if (journal.torn !== null) reportTorn(journal.torn, open.session);
    return driveRun(open, lock, pending);
  } catch (error) {
    systemLock?.[Symbol.dispose]();
    lock[Symbol.dispose]();
    throw error;
  }
}

const NO_JOURNAL: JournalContent = { records: [], goodBytes: 0, torn: null };

async function readStarted(dir: string, plan: Plan, files: StateFiles): Promise<JournalContent> {
  const journal = files.exists(journalPath(dir)) ? await readJournal(journalPath(dir), files) : NO_JOURNAL;
  const [first] = journal.records;
  if (first?.type !== "run.started") {
    throw new FiredrillError(
      "RUN_INCOMPLETE",
      `The journal in ${dir} has no start: its orchestrator died before the run began.`,
      {
        hint: "`firedrill clean` removes such folders.",
      },
    );
  }
  if (journal.records.some((record) => record.type === "run.finished")) {
    throw new FiredrillError("RUN_FINISHED", `The run in ${dir} is finished.`, {
      hint: "`firedrill show` shows it; start another with `firedrill run`.",
    });
  }
  // Decode boundary: the hash was checked, and `run.started` holds the plan's identity.
  const { planSha256: pinned } = first.data as unknown as { readonly planSha256: string };
  if (pinned === planSha256(plan)) return journal;
  throw new FiredrillError("PLAN_CHANGED", `plan.json in ${dir} is not the plan the run was started with.`, {
    hint: "Restore plan.json from a copy. A run goes on with its own plan only.",
  });
}

function reportTorn(
  { record, bytes }: { readonly record: number; readonly bytes: number },
  { log, deps }: RunSession,
): void {
  const message = `Record ${record} of the journal was being written when the orchestrator died: its ${bytes} bytes, never acknowledged, were cut off.`;
  deps.log.warn({ record, bytes }, "journal_torn");
  log.record({ type: "deviation", data: { step: null, code: "JOURNAL_TORN", message } });
}
