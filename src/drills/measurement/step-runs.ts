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
}

/** One entry per step of the plan, in its order. Throws `MEASURE_PLAN_MISMATCH` for a journal of another plan. */
export function stepRuns(plan: Plan, records: readonly Recorded[]): readonly StepRun[] {
  const runs = new Map(plan.steps.map((step) => [step.id, untouched(step)]));
  for (const record of records) {
    const id = stepOf(record);
    if (id === undefined) continue;
    const run = runs.get(id);
    if (run === undefined) throw planMismatch(id);
    runs.set(id, { ...run, ...advance(run, record) });
  }
  return [...runs.values()];
}

function untouched(step: PlanStep): StepRun {
  const nothing = { firstStart: null, end: null, failure: null, skipped: null, check: null, outputs: null };
  return { step, outcome: "not_run", attempts: 0, ...nothing };
}

function stepOf(record: Recorded): string | undefined {
  return record.type.startsWith("step.") && "step" in record.data ? (record.data.step ?? undefined) : undefined;
}

function planMismatch(step: string): FiredrillError {
  return new FiredrillError("MEASURE_PLAN_MISMATCH", `The journal speaks of step '${step}', which is not in the plan`, {
    hint: "Measure a journal with the plan kept beside it.",
  });
}

function advance(run: StepRun, record: Recorded): Partial<StepRun> {
  switch (record.type) {
    case "step.started":
      return started(run, record);
    case "step.succeeded":
      // An answer after the deadline came too late: the step stays timed out.
      if (run.outcome === "timed_out") return {};
      return { outcome: "succeeded", end: record, failure: null, check: record.data.check, outputs: record.data.outputs };
    case "step.check_failed":
      if (run.outcome === "timed_out") return {};
      return { outcome: "check_failed", end: record, check: record.data.check, outputs: record.data.outputs };
    case "step.errored":
      return errored(run, record, record.data.error);
    case "step.deadline_passed":
      return { outcome: "timed_out", end: record, failure: timedOut(run.step) };
    case "step.stopped":
    case "step.stop_overdue":
      return run.outcome === "running" ? { outcome: "stopped", end: record } : {};
    case "step.in_doubt":
      return { outcome: "in_doubt", end: record, failure: inDoubt(record.data.message) };
    case "step.skipped":
      return { outcome: "skipped", end: record, skipped: { reason: record.data.reason, message: record.data.message } };
    default:
      return {};
  }
}

function started(run: StepRun, record: Recorded & { readonly type: "step.started" }): Partial<StepRun> {
  const attempts = Math.max(run.attempts, record.data.attempt);
  return { outcome: "running", attempts, firstStart: run.firstStart ?? record, end: null, failure: null };
}

/** What is thrown after the deadline is the echo of being stopped; the deadline stays the reason. */
function errored(run: StepRun, record: Recorded, error: StepFailure): Partial<StepRun> {
  if (run.outcome === "timed_out") return {};
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
  if (run.skipped?.reason === "condition") return true;
  if (run.skipped?.reason !== "needs_not_met") return false;
  const unmet = runs.filter((other) => run.step.needs.includes(other.step.id) && other.outcome !== "succeeded");
  return unmet.length > 0 && unmet.every((other) => waived(other, runs));
}
