import type { Plan } from "../drills/plan.ts";
import { planSha256 } from "../drills/plan-sha256.ts";
import type { RunStarted } from "../drills/run-event.ts";
import { FiredrillError } from "../support/errors.ts";
import { driveRun, type Halt, type RunHandle, type RunOutcome } from "./drive-run.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { changedDefinitions, requireSameDefinitions } from "./definitions.ts";
import { endOwner, type Seizure } from "./end-owner.ts";
import type { JournalContent } from "./journal/journal-reader.ts";
import { readJournalToAct } from "./journal/quarantine.ts";
import { openSession } from "./open-session.ts";
import { leaseFor, lockForPlan } from "./hold-system.ts";
import { ownJournal } from "./own-journal.ts";
import { haltedWork, pendingWork } from "./pending-work.ts";
import type { LoopStart } from "./run-loop.ts";
import type { RunSession } from "./run-session.ts";
import type { HeldLock } from "./state/exclusive-lock.ts";
import { existingRunDir, journalPath, readPlan } from "./state/run-directory.ts";
import { holdRun } from "./state/run-hold.ts";
import { lockGate, ownerLockPath, readOwner, runLocked, tryLockRun, writeOwner } from "./state/run-owner.ts";
import { type StateFiles, systemFiles } from "./state/state-files.ts";

/** `startResume` and its outcome. */
export async function resumeRun(runId: string, deps: EngineDeps): Promise<RunOutcome> {
  return (await startResume(runId, deps)).outcome;
}

/**
 * Takes over a run whose orchestrator died and goes on with it; with `seizure` also from one that lives, which is ended first.
 * Throws `RUN_UNKNOWN`, `RUN_LOCKED`, `RUN_FINISHED`, `RUN_INCOMPLETE`, `PLAN_CHANGED`, `JOURNAL_DAMAGED`, `SYSTEM_BUSY`,
 * `OWNER_UNKNOWN`, `OWNER_STUCK`.
 */
export async function startResume(runId: string, deps: EngineDeps, seizure: Seizure | null = null): Promise<RunHandle> {
  const dir = existingRunDir(deps.state.root, runId, deps.files);
  using _gate = await lockGate(dir, deps.files);
  const lock = tryLockRun(dir, deps.files);
  if (lock === null && seizure === null) throw await runLocked(dir, deps.files);
  // Awaited here: the gate is held until the run is taken over.
  return await takeOver({ runId, dir, lock, halt: null, seizure: lock === null ? seizure : null }, deps);
}

/** The caller holds the gate of the run: one take-over at a time. */
export interface TakeOver {
  readonly runId: string;
  readonly dir: string;
  /** The run's lock, or null when it is taken from who holds it. */
  readonly lock: HeldLock | null;
  /** Not null: the run is not gone on with but halted, which leads to its cleanup. */
  readonly halt: Halt | null;
  /** Not null: the holder of the lock is ended first. */
  readonly seizure: Seizure | null;
}

/** Lets go of the locks when it throws. In which order, and why: fence.ts. */
export async function takeOver(request: TakeOver, deps: EngineDeps): Promise<RunHandle> {
  const { runId, dir, halt, seizure } = request;
  using held = new DisposableStack();
  if (request.lock !== null) held.use(request.lock);
  const files = deps.files ?? systemFiles;
  const plan = await readPlan(dir, files);
  // Nothing is ended for a run that could not be gone on with.
  if (seizure !== null) requireGoesOn(plan, await readStarted(dir, plan, files), request, deps);
  const ended = seizure === null ? null : await endOwner(dir, deps);
  // Also for cleanup: what undoes a fault acts on the system as well.
  const systemLock = await lockForPlan(plan, deps, seizure === null ? null : runId);
  if (systemLock !== null) held.use(systemLock);
  const former = await readOwner(dir, files).catch(() => null);
  const hold = held.use(holdRun(await files.replaceLock(ownerLockPath(dir)), runId, files));
  const begun = await readStarted(dir, plan, files);
  const { journal } = begun;
  requireGoesOn(plan, begun, request, deps);
  const epoch = Math.max(...journal.records.map((record) => record.epoch)) + 1;
  const { pid, startTicks, bootId, host } = deps.orchestrator;
  const owner = { pid, startTicks, bootId, host, epoch, sinceWallUs: deps.clock.wallUs() };
  await writeOwner(dir, owner, files);
  await ownJournal(journalPath(dir), journal, { former, bootId }, files);
  await files.removeStale([dir, deps.state.root], deps.clock.wallUs());
  const lease = await leaseFor(systemLock, { plan, runId }, deps);
  const open = await openSession({ runId, dir, plan, epoch, hold, lease, journal: journal.records }, deps);
  const start = begin(open.session, begun, halt);
  if (ended !== null && seizure !== null) reportSeized(ended, seizure, open.session);
  // From here on the run lets go of what it holds; the lock of the one before is of no use any more.
  held.move();
  request.lock?.[Symbol.dispose]();
  return driveRun(open, start);
}

/** A run that is only ended takes no definitions. Throws `DEFINITIONS_CHANGED`. */
function requireGoesOn(plan: Plan, { started }: StartedJournal, { halt }: TakeOver, deps: EngineDeps): void {
  if (halt === null) requireSameDefinitions(plan, started, deps);
}

/** Says that the run goes on, and what is owed. */
function begin(session: RunSession, { journal, started }: StartedJournal, halt: Halt | null): LoopStart {
  const { memory, deps, epoch, log } = session;
  const clockSuspect = memory.last !== null && memory.last.boot !== deps.clock.bootId;
  const pending = halt === null ? pendingWork(session) : haltedWork(halt, session);
  log.record({ type: "run.resumed", data: { epoch, pid: deps.orchestrator.pid, clockSuspect } });
  if (journal.torn !== null) reportTorn(journal.torn, session);
  if (halt !== null) reportChanged(started, session);
  return pending;
}

interface StartedJournal {
  readonly journal: JournalContent;
  readonly started: RunStarted;
}

async function readStarted(dir: string, plan: Plan, files: StateFiles): Promise<StartedJournal> {
  const journal = await readJournalToAct(journalPath(dir), files);
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
  // Decode boundary: the hash was checked, and so was that the event is whole.
  const started = first.data as unknown as RunStarted;
  if (started.planSha256 === planSha256(plan)) return { journal, started };
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

/** A run that is only ended takes no definitions, but who reads its record should know that others were at work. */
function reportChanged(started: RunStarted, { plan, log, deps }: RunSession): void {
  const lacks = plan.steps
    .filter((step) => !deps.steps.has(step.uses))
    .map((step) => `step ${step.uses} (not known here)`);
  const changed = lacks.length > 0 ? [...new Set(lacks)] : changedDefinitions(plan, started, deps);
  if (changed.length === 0) return;
  const message = `The run was begun by ${started.tool} and ended by ${deps.orchestrator.tool}, which has other definitions: ${changed.join(", ")}.`;
  log.record({ type: "deviation", data: { step: null, code: "DEFINITIONS_CHANGED", message } });
}

function reportSeized(ended: string, { who, reason }: Seizure, { log }: RunSession): void {
  const message = `The run was taken from ${ended}: by ${who}, because: ${reason}`;
  log.record({ type: "deviation", data: { step: null, code: "OWNER_ENDED", message: message.toWellFormed() } });
}
