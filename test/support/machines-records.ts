import type { PhaseName } from "../../src/drills/phases.ts";
import type { ChartEvent, FailureClass, HaltSource, SkipReason } from "../../src/drills/run-event.ts";

/** Records as an engine would write them, with as little in them as the charts read. */
export const record = {
  started: (): ChartEvent => ({
    type: "run.started",
    data: {
      runId: "r",
      installation: "i",
      planSha256: "0",
      mode: "real",
      tool: "test",
      host: "h",
      user: "u",
      pid: 1,
      trigger: "test",
      seed: "s",
      confirmed: null,
    },
  }),
  begun: (phase: PhaseName): ChartEvent => ({ type: "phase.begun", data: { phase, deadlineMonoUs: 0 } }),
  phaseLate: (phase: PhaseName): ChartEvent => ({ type: "phase.deadline_passed", data: { phase } }),
  start: (step: string, attempt = 1): ChartEvent => ({
    type: "step.started",
    data: { step, attempt, key: "k", deadlineMonoUs: 0 },
  }),
  skip: (step: string, reason: SkipReason = "condition"): ChartEvent => ({
    type: "step.skipped",
    data: { step, reason, message: "" },
  }),
  guardPassed: (step: string, attempt = 1): ChartEvent => ({ type: "step.guard_passed", data: { step, attempt } }),
  guardRefused: (step: string, attempt = 1): ChartEvent => ({
    type: "step.guard_refused",
    data: { step, attempt, message: "no" },
  }),
  success: (step: string, attempt = 1): ChartEvent => ({
    type: "step.succeeded",
    data: { step, attempt, outputs: {}, check: null },
  }),
  checkFailed: (step: string, attempt = 1): ChartEvent => ({
    type: "step.check_failed",
    data: { step, attempt, outputs: {}, check: { title: "t", expected: "1", actual: "0", coverage: null } },
  }),
  error: (step: string, attempt = 1, failureClass: FailureClass = "permanent"): ChartEvent => ({
    type: "step.errored",
    data: { step, attempt, error: { class: failureClass, code: "X", message: "m", hint: null, details: {} } },
  }),
  retryScheduled: (step: string, attempt: number): ChartEvent => ({
    type: "step.retry_scheduled",
    data: { step, attempt, dueMonoUs: 0 },
  }),
  retryDue: (step: string, attempt: number): ChartEvent => ({ type: "step.retry_due", data: { step, attempt } }),
  late: (step: string, attempt = 1): ChartEvent => ({ type: "step.deadline_passed", data: { step, attempt } }),
  stopped: (step: string, attempt = 1): ChartEvent => ({ type: "step.stopped", data: { step, attempt } }),
  overdue: (step: string, attempt = 1): ChartEvent => ({ type: "step.stop_overdue", data: { step, attempt } }),
  doubt: (step: string, attempt = 1): ChartEvent => ({ type: "step.in_doubt", data: { step, attempt, message: "" } }),
  halt: (by: HaltSource = "signal"): ChartEvent => ({ type: "run.halted", data: { by, reason: "test", who: null } }),
  stoppingLate: (): ChartEvent => ({ type: "stopping.deadline_passed", data: {} }),
  cleanupBegun: (): ChartEvent => ({ type: "cleanup.begun", data: { deadlineMonoUs: 0 } }),
  cleanupLate: (): ChartEvent => ({ type: "cleanup.deadline_passed", data: {} }),
  cleanupFinished: (): ChartEvent => ({ type: "cleanup.finished", data: { leftovers: 0 } }),
};
