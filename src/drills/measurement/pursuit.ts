import type { Plan } from "../plan.ts";
import type { PhaseName } from "../phases.ts";
import type { Recorded } from "../run-event.ts";
import type { StepRun } from "./step-runs.ts";
import { waived } from "./step-runs.ts";

/** Phases that bring the service back and prove it; what breaks here decides whether it was recovered. */
export const RECOVERY_PHASES: ReadonlySet<PhaseName> = new Set<PhaseName>(["recover", "verify", "hold"]);

/** Required steps of the recovery that the subject itself made fail: a damaged backup, a check that answered "no". */
export function subjectFaults(runs: readonly StepRun[]): readonly StepRun[] {
  return runs.filter((run) => run.step.required && RECOVERY_PHASES.has(run.step.phase) && isSubjectFault(run));
}

export function isSubjectFault(run: StepRun): boolean {
  return run.outcome === "check_failed" || (run.outcome === "errored" && run.failure?.class === "subject");
}

/**
 * When recovery was given up: the first record after which nothing could still recover the service in time. Up to there it
 * was not recovered, which proves a miss; what cleanup takes afterwards counts against nobody. Undefined: it goes on.
 */
export function givenUpAt(plan: Plan, records: readonly Recorded[], runs: readonly StepRun[]): Recorded | undefined {
  const ends = new Set(
    runs
      .filter((run) => run.step.required && RECOVERY_PHASES.has(run.step.phase))
      .filter((run) => run.outcome !== "succeeded" && run.outcome !== "running" && !waived(run, runs))
      .flatMap((run) => (run.end === null ? [] : [run.end.seq])),
  );
  const phases = new Set(plan.steps.map((step) => step.phase));
  return records.find((record) => ends.has(record.seq) || turnsAway(record, phases));
}

function turnsAway(record: Recorded, phases: ReadonlySet<PhaseName>): boolean {
  switch (record.type) {
    case "run.halted":
    case "cleanup.begun":
      return true;
    case "phase.deadline_passed":
      return RECOVERY_PHASES.has(record.data.phase);
    case "phase.begun":
      return record.data.phase === "return" && phases.has("return");
    default:
      return false;
  }
}
