import type { CheckDetail } from "../run-event.ts";
import type { StepRun } from "./step-runs.ts";
import { waived } from "./step-runs.ts";
import type { CheckRow } from "./steps-schema.ts";

/** Steps that ask a question: checks, and actions with an `expect:`. */
export function isCheck(run: StepRun): boolean {
  return run.step.role === "check" || run.step.expect !== null;
}

export function checkRows(runs: readonly StepRun[]): readonly CheckRow[] {
  return runs.filter(isCheck).map((run) => checkRow(run, runs));
}

function checkRow(run: StepRun, runs: readonly StepRun[]): CheckRow {
  const { step } = run;
  return {
    step: step.id,
    title: run.check?.title ?? step.title,
    phase: step.phase,
    required: step.required,
    expected: run.check?.expected ?? step.expect,
    actual: run.check?.actual ?? null,
    coverage: run.check?.coverage ?? null,
    waived: waived(run, runs),
    ...answer(run),
  };
}

function answer(run: StepRun): Pick<CheckRow, "status" | "reason"> {
  switch (run.outcome) {
    case "succeeded":
      return passed(run);
    case "check_failed":
      return { status: "failed", reason: null };
    case "errored":
      // The subject's fault is an answer: what was looked at is broken.
      return { status: run.failure?.class === "subject" ? "failed" : "error", reason: failureText(run) };
    case "timed_out":
    case "in_doubt":
      return { status: "error", reason: failureText(run) };
    case "stopped":
    case "running":
      return { status: "error", reason: "was stopped before it answered" };
    case "skipped":
      return { status: "not_run", reason: run.skipped?.message ?? "skipped" };
    case "not_run":
      return { status: "not_run", reason: "the drill did not get this far" };
    default:
      return run.outcome satisfies never;
  }
}

/** A check that looked at nothing answers nothing (docs/safety.md, an empty target set fails). */
function passed(run: StepRun): Pick<CheckRow, "status" | "reason"> {
  if (run.check === null) {
    if (run.step.role === "action") return { status: "passed", reason: null };
    return { status: "error", reason: "it did not say what it looked at" };
  }
  if (lookedAtNothing(run.check))
    return { status: "error", reason: `it looked at nothing: ${coverageText(run.check)}` };
  return { status: "passed", reason: null };
}

function lookedAtNothing(check: CheckDetail): boolean {
  return check.coverage !== null && (check.coverage.checked <= 0 || check.coverage.total <= 0);
}

function coverageText(check: CheckDetail): string {
  if (check.coverage === null) return "no coverage given";
  return `${check.coverage.checked} of ${check.coverage.total} ${check.coverage.unit}`;
}

function failureText(run: StepRun): string {
  return run.failure === null ? "no answer" : `${run.failure.code}: ${run.failure.message}`;
}
