import type { Plan } from "../drills/plan.ts";
import type { JournalRecord } from "../drills/run-event.ts";
import { canonicalJson } from "../support/canonical-json.ts";
import type { JsonValue } from "../support/json.ts";
import { type EngineDeps, limitsOf } from "./engine-deps.ts";
import { foldRun } from "./fold-run.ts";
import { fencedJournal, fencedKeeper, fencedStep } from "./fence.ts";
import { openJournalFile } from "./journal/journal-file.ts";
import { JournalWriter } from "./journal/journal-writer.ts";
import { runLog } from "./run-log.ts";
import type { RunSession } from "./run-session.ts";
import { journalPath } from "./state/run-directory.ts";
import type { RunHold } from "./state/run-hold.ts";
import type { SystemLease } from "./state/system-lease.ts";

export interface SessionRequest {
  readonly runId: string;
  readonly dir: string;
  readonly plan: Plan;
  readonly epoch: number;
  readonly hold: RunHold;
  readonly lease: SystemLease | null;
  /** What the journal holds already; null for a run that has none. */
  readonly journal: readonly JournalRecord[] | null;
}

export interface OpenSession {
  readonly session: RunSession;
  /** Closes the journal of a run that has ended. */
  end(): Promise<void>;
  /** Closes it as it is. Calling it again, or after `end`, changes nothing. */
  close(): Promise<void>;
}

/** Folds what is there and opens the journal for more. The caller holds the run's lock. */
export async function openSession(request: SessionRequest, given: EngineDeps): Promise<OpenSession> {
  const { runId, dir, plan, epoch, hold, lease, journal } = request;
  const deps = fenced(plan, given, hold);
  // A plan is JSON by its type's contract; its interfaces lack the index signature.
  deps.redactor.declarePublic(canonicalJson(plan as unknown as JsonValue));
  deps.redactor.declarePublic(dir);
  const folded = foldRun(plan, journal ?? []);
  const file = await (deps.openJournal ?? openJournalFile)(journalPath(dir), journal === null);
  const writer = new JournalWriter(
    fencedJournal(file, hold),
    { run: runId, epoch, last: journal?.at(-1) ?? null },
    deps.clock,
    (stage, records) => {
      deps.crashPoint?.(stage, records.map((record) => record.type).join(" "));
    },
  );
  const { state, memory } = folded;
  const planSteps = new Map(plan.steps.map((step) => [step.id, step]));
  const log = runLog(writer, folded, deps);
  const session = { runId, dir, plan, planSteps, epoch, hold, lease, state, memory, log, deps, limits: limitsOf(deps) };
  deps.onSession?.(session);
  return {
    session,
    end: () => writer.end(),
    close: () => writer.close(),
  };
}

/** What acts, behind the fence: the plan's steps and all keepers. */
function fenced(plan: Plan, deps: EngineDeps, hold: RunHold): EngineDeps {
  const used = new Set(plan.steps.map((step) => step.uses));
  const steps = [...deps.steps].filter(([uses]) => used.has(uses));
  return {
    ...deps,
    steps: new Map(steps.map(([uses, step]) => [uses, fencedStep(step, hold)])),
    keepers: deps.keepers.map((keeper) => fencedKeeper(keeper, hold)),
  };
}
