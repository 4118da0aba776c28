import type { PhaseName } from "../../drills/phases.ts";
import type { Plan, PlanStep } from "../../drills/plan.ts";
import type { Progress } from "../../drills/progress.ts";
import type { Recorded } from "../../drills/run-event.ts";

export type StepLook =
  | "waiting"
  | "running"
  | "backoff"
  | "stopping"
  | "succeeded"
  | "failed"
  | "errored"
  | "skipped"
  | "stopped";

/** What a person watching wants to know of one step. Times are monotonic microseconds. */
export interface StepLine {
  readonly step: PlanStep;
  look: StepLook;
  attempt: number;
  startedUs: number | null;
  endedUs: number | null;
  message: string | null;
  progress: Progress | null;
  progressSinceUs: number;
}

export interface RunView {
  readonly plan: Plan;
  readonly lines: ReadonlyMap<string, StepLine>;
  runId: string;
  phase: PhaseName | null;
  startedUs: number;
  cleaning: boolean;
  resources: number;
  removed: number;
  halted: string | null;
}

export function createRunView(plan: Plan): RunView {
  const lines = new Map<string, StepLine>();
  for (const step of plan.steps) {
    lines.set(step.id, {
      step,
      look: "waiting",
      attempt: 1,
      startedUs: null,
      endedUs: null,
      message: null,
      progress: null,
      progressSinceUs: 0,
    });
  }
  return { plan, lines, runId: "", phase: null, startedUs: 0, cleaning: false, resources: 0, removed: 0, halted: null };
}

export function seeProgress(view: RunView, stepId: string, progress: Progress, nowUs: number): void {
  const line = view.lines.get(stepId);
  if (line === undefined) return;
  if (line.progress?.what !== progress.what) line.progressSinceUs = nowUs;
  line.progress = progress;
}

/** Takes in one journal record. */
export function seeRecord(view: RunView, record: Recorded): void {
  switch (record.type) {
    case "run.started":
      view.runId = record.data.runId;
      view.startedUs = record.monoUs;
      return;
    case "run.halted":
      view.halted = record.data.reason;
      return;
    case "phase.begun":
      view.phase = record.data.phase;
      return;
    case "cleanup.begun":
      view.cleaning = true;
      return;
    case "resource.planned":
      view.resources += 1;
      return;
    case "resource.destroyed":
      view.removed += 1;
      return;
    default:
      seeStep(view, record);
  }
}

function seeStep(view: RunView, record: Recorded): void {
  if (!record.type.startsWith("step.") || !("step" in record.data) || record.data.step === null) return;
  const line = view.lines.get(record.data.step);
  if (line === undefined) return;
  switch (record.type) {
    case "step.started":
      Object.assign(line, {
        look: "running",
        attempt: record.data.attempt,
        startedUs: line.startedUs ?? record.monoUs,
        progress: null,
      });
      return;
    case "step.succeeded":
      return end(line, "succeeded", record.monoUs, record.data.check === null ? null : record.data.check.actual);
    case "step.check_failed":
      return end(
        line,
        "failed",
        record.monoUs,
        `expected ${record.data.check.expected}, got ${record.data.check.actual}`,
      );
    case "step.errored":
      return end(
        line,
        record.data.error.class === "subject" ? "failed" : "errored",
        record.monoUs,
        `${record.data.error.code} ${record.data.error.message}`,
      );
    case "step.retry_scheduled":
      line.look = "backoff";
      return;
    case "step.deadline_passed":
      Object.assign(line, { look: "stopping", message: "took longer than its timeout" });
      return;
    case "step.skipped":
      return end(line, "skipped", record.monoUs, record.data.message);
    case "step.stopped":
    case "step.stop_overdue":
      return end(line, "stopped", record.monoUs, line.message ?? "stopped");
    case "step.in_doubt":
      return end(line, "errored", record.monoUs, record.data.message);
    default:
  }
}

function end(line: StepLine, look: StepLook, endedUs: number, message: string | null): void {
  Object.assign(line, { look, endedUs, message, progress: null });
}
