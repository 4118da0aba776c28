import { FiredrillError } from "../../support/errors.ts";
import type { JsonObject } from "../../support/json.ts";
import type { Plan, PlanStep } from "../plan.ts";
import type { CheckDetail, Recorded, SkipReason, StepFailure } from "../run-event.ts";
import type { StepResultRow } from "./steps-schema.ts";

/** What the journal says of one step of the plan: the fold of its records. */
export interface StepRun {
  readonly step: PlanStep;
  readonly outcome: StepResultRow["outcome"];
  readonly attempts: number;
  readonly firstStart: Recorded | null;
  /** The record that settled its outcome; null while it runs or when it never did anything. */
  readonly end: Recorded | null;
  readonly failure: StepFailure | null;
  readonly skipped: { readonly reason: SkipReason; readonly message: string } | null;
  readonly check: CheckDetail | null;
  readonly outputs: JsonObject | null;
  /** The deadline of its last attempt passed, whatever came of it. */
  readonly late: boolean;
  /** It did not stop when told to. */
  readonly overdue: boolean;
}

/** One entry per step of the plan, in its order. Throws `MEASURE_PLAN_MISMATCH` for a journal of another plan. */
export function stepRuns(plan: Plan, records: readonly Recorded[]): readonly StepRun[] {
  const runs = new Map(plan.steps.map((step) => [step.id, untouched(step)]));
  for (const record of records) {
    abandonedAt(record, runs);
    const id = stepOf(record);
    if (id === undefined) continue;
    const run = runs.get(id);
    if (run === undefined) throw planMismatch(id);
    runs.set(id, { ...run, ...advance(run, record) });
  }
  return [...runs.values()];
}

function untouched(step: PlanStep): StepRun {
  const nothing = { firstStart: null, end: null, failure: null, skipped: null, check: null, outputs: null } as const;
  return { step, outcome: "not_run", attempts: 0, late: false, overdue: false, ...nothing };
}

function stepOf(record: Recorded): string | undefined {
  return record.type.startsWith("step.") && "step" in record.data ? (record.data.step ?? undefined) : undefined;
}

function planMismatch(step: string): FiredrillError {
  return new FiredrillError("MEASURE_PLAN_MISMATCH", `The journal speaks of step '${step}', which is not in the plan`, {
    hint: "Measure a journal with the plan kept beside it.",
  });
}

/** Work that was done before an effect could be stopped counts, as it does for the charts; the deadline is kept beside it. */
function advance(run: StepRun, record: Recorded): Partial<StepRun> {
  switch (record.type) {
    case "step.started":
      return started(run, record);
    case "step.succeeded":
    case "step.check_failed": {
      const { check, outputs } = record.data;
      const outcome = record.type === "step.succeeded" ? "succeeded" : "check_failed";
      return { outcome, end: record, failure: null, check, outputs };
    }
    case "step.errored":
      return errored(run, record, record.data.error);
    case "step.deadline_passed":
      return run.outcome === "running"
        ? { outcome: "timed_out", end: record, failure: timedOut(run.step), late: true }
        : {};
    case "step.stopped":
      return run.outcome === "running" ? { outcome: "stopped", end: record } : {};
    case "step.stop_overdue":
      return run.outcome === "running" ? { outcome: "stopped", end: record, overdue: true } : { overdue: true };
    case "step.in_doubt":
      return { outcome: "in_doubt", end: record, failure: inDoubt(record.data.message) };
    case "step.skipped":
      return { outcome: "skipped", end: record, skipped: { reason: record.data.reason, message: record.data.message } };
    default:
      return {};
  }
}

/** Nothing waits for a step any more: what still ran then was stopped, whatever it does later. */
function abandonedAt(record: Recorded, runs: Map<string, StepRun>): void {
  if (record.type !== "stopping.deadline_passed" && record.type !== "cleanup.begun") return;
  for (const [id, run] of runs) {
    if (run.outcome === "running") runs.set(id, { ...run, outcome: "stopped", end: record, overdue: true });
  }
}

function started(run: StepRun, record: Recorded & { readonly type: "step.started" }): Partial<StepRun> {
  const attempts = Math.max(run.attempts, record.data.attempt);
  return { outcome: "running", attempts, firstStart: run.firstStart ?? record, end: null, failure: null, late: false };
}

/** What is thrown after the deadline is the echo of being stopped, unless it says that the subject is broken. */
function errored(run: StepRun, record: Recorded, error: StepFailure): Partial<StepRun> {
  if (run.outcome === "timed_out" && error.class !== "subject") return {};
  return { outcome: error.class === "timeout" ? "timed_out" : "errored", end: record, failure: error };
}

function timedOut(step: PlanStep): StepFailure {
  const message = `did not end within its ${step.timeoutMs} ms`;
  return { class: "timeout", code: "STEP_TIMEOUT", message, hint: null, details: {} };
}

function inDoubt(message: string): StepFailure {
  const hint = "Look at the system, then clean up with `firedrill clean`.";
  return { class: "permanent", code: "STEP_IN_DOUBT", message, hint, details: {} };
}

/** Left out because a `when:` said so, itself or everything it needs: wished for by the playbook, not a gap. */
export function waived(run: StepRun, runs: readonly StepRun[]): boolean {
  if (run.outcome !== "skipped" || run.attempts > 0) return false;
  if (run.skipped?.reason === "condition") return true;
  if (run.skipped?.reason !== "needs_not_met") return false;
  const unmet = runs.filter((other) => run.step.needs.includes(other.step.id) && other.outcome !== "succeeded");
  return unmet.length > 0 && unmet.every((other) => waived(other, runs));
}
