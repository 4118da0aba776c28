import type { ChartEvent } from "../drills/run-event.ts";

export type StepStateName = (typeof STEP_STATES)[number];
export const STEP_STATES = [
  "waiting",
  "guarded",
  "ready",
  "skipping",
  "running",
  "backoff",
  "stopping",
  "succeeded",
  "check_failed",
  "errored",
  "timed_out",
  "skipped",
  "stopped",
  "abandoned",
  "in_doubt",
] as const;

/** The words of a step's chart. */
export interface StepVocabulary {
  readonly state: StepStateName;
  readonly event: StepEventName;
  readonly order: StepOrderName;
  readonly note: StepNoteName;
  readonly condition: StepConditionName;
}
export type StepEventName =
  | Extract<ChartEvent["type"], `step.${string}`>
  | "NEEDS_MET"
  | "NEEDS_FAILED"
  | "STOP"
  | "ABANDON";
export type StepOrderName = (typeof STEP_ORDERS)[number];
export const STEP_ORDERS = [
  "checkGuard",
  "startStep",
  "skipStep",
  "scheduleRetry",
  "stopStep",
  "reportRefusal",
  "reportDoubt",
] as const;
export type StepNoteName = "keepSkipReason" | "keepRefusal" | "late" | "orderedToStop" | "nextAttempt" | "scheduled";
export type StepConditionName = "mayRetryError" | "mayRetryTimeout" | "late";
