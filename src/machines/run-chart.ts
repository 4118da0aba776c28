/**
 * Job: folds a run's records, one by one, into its state and says what is to be done next.
 * Owns: the order in which the drill's chart and the steps' charts hear of an event; the counters of readiness.
 * Does not: decide what a state leads to (the charts do), perform anything, look at a clock, or keep records.
 *
 * Invariants
 * 1. State is a function of the plan and the records folded so far. No I/O, no clock, no chance.
 * 2. An event touches its step, the drill, and the steps that wait for that step; a stop touches its phase once.
 * 3. When a required step fails its phase is stopped before its successors hear of it: nothing starts after a failure.
 * 4. A record that is late, double, or of another attempt or phase changes nothing and asks for nothing.
 * 5. Of the steps only those of the present phase move; a phase is left when all of its steps have ended, or by way of
 *    `stopping`, which abandons what has not.
 */
import type { ChartEvent } from "../drills/run-event.ts";
import type { Action } from "./action.ts";
import type { CompiledPlan } from "./compile-plan.ts";
import { type DrillEvent, type DrillRecord, moveDrill } from "./drill-machine.ts";
import type { DrillOrderName } from "./drill-table.ts";
import { type PhaseRun, RunState, type StepRun } from "./run-state.ts";
import { moveStep, type StepEvent, type StepRecord } from "./step-machine.ts";
import type { StepOrderName } from "./step-vocabulary.ts";

export type { Action } from "./action.ts";
export { outstanding } from "./outstanding.ts";
export { type CompiledPlan, compilePlan } from "./compile-plan.ts";
export type { RunState } from "./run-state.ts";
export type { StepStateName } from "./step-vocabulary.ts";

/** A run before `run.started`. */
export function createRun(compiled: CompiledPlan): RunState {
  return new RunState(compiled);
}

/** Folds one record into the run and returns what is to be done, in this order. Never throws for a record. */
export function advance(run: RunState, event: ChartEvent): readonly Action[] {
  const turn: Turn = { run, actions: [] };
  if (isStepRecord(event)) hearStep(turn, event);
  else if (isDrillRecord(event)) hearDrill(turn, event);
  return run.phase === "stopping" ? turn.actions : turn.actions.filter(({ type }) => type !== "armStoppingDeadline");
}

interface Turn {
  readonly run: RunState;
  readonly actions: Action[];
}

function hearStep(turn: Turn, event: StepRecord): void {
  const step = turn.run.steps.get(event.data.step);
  if (step === undefined) return;
  if ("attempt" in event.data && event.data.attempt !== step.attempt) return; // invariant 4
  tellStep(turn, step, event);
}

function hearDrill(turn: Turn, event: DrillRecord): void {
  if ("phase" in event.data && event.data.phase !== turn.run.phase) return; // invariant 4
  tellDrill(turn, event);
}

function tellStep(turn: Turn, step: StepRun, event: StepEvent): void {
  if (step.ended) return;
  const [next, orders] = moveStep(step.compiled.chart, step.snapshot, event);
  step.snapshot = next;
  for (const order of orders) carryOutForStep(turn, step, order, event);
  if (step.ended) stepEnded(turn, step);
}

function carryOutForStep(
  turn: Turn,
  { id, attempt, skipReason }: StepRun,
  order: StepOrderName,
  event: StepEvent,
): void {
  switch (order) {
    case "checkGuard":
    case "startStep":
    case "scheduleRetry":
    case "stopStep":
      turn.actions.push({ type: order, step: id, attempt });
      return;
    case "skipStep":
      turn.actions.push({ type: order, step: id, reason: skipReason ?? "halted" });
      return;
    case "reportRefusal":
      tellDrill(turn, {
        type: "GUARD_REFUSED",
        step: id,
        message: event.type === "step.guard_refused" ? event.data.message : "",
      });
      return;
    case "reportDoubt":
      tellDrill(turn, { type: "STEP_IN_DOUBT", step: id });
      return;
    default:
      order satisfies never;
  }
}

function stepEnded(turn: Turn, step: StepRun): void {
  const phase = turn.run.phases.get(step.compiled.phase);
  if (phase === undefined) return;
  phase.open -= 1;
  if (step.compiled.required && !step.satisfied) requiredStepFailed(turn, step, phase);
  releaseSuccessors(turn, step);
  tellWhetherEnded(turn, phase);
}

/** Before any successor hears of the step (invariant 3). */
function requiredStepFailed(turn: Turn, step: StepRun, phase: PhaseRun): void {
  phase.failed = true;
  if (phase.compiled.stopsOnFailure)
    tellDrill(turn, { type: "STEP_FAILED", phase: phase.compiled.name, step: step.id });
}

function releaseSuccessors(turn: Turn, step: StepRun): void {
  const succeeded = step.state === "succeeded";
  for (const id of step.compiled.neededBy) {
    if (succeeded) release(turn, id);
    else signal(turn, id, { type: "NEEDS_FAILED", reason: "needs_not_met" });
  }
  for (const id of step.compiled.followedBy) release(turn, id);
}

function release(turn: Turn, id: string): void {
  const step = turn.run.steps.get(id);
  if (step === undefined) return;
  step.remaining -= 1;
  if (step.remaining === 0) tellStep(turn, step, { type: "NEEDS_MET" });
}

function signal(turn: Turn, id: string, event: StepEvent): void {
  const step = turn.run.steps.get(id);
  if (step !== undefined) tellStep(turn, step, event);
}

function tellWhetherEnded(turn: Turn, phase: PhaseRun): void {
  if (phase.open > 0 || phase !== turn.run.current) return;
  tellDrill(turn, { type: "STEPS_ENDED", phase: phase.compiled.name, passed: !phase.failed });
}

function tellDrill(turn: Turn, event: DrillEvent): void {
  if (turn.run.drill.status === "done") return;
  const [next, orders] = moveDrill(turn.run.compiled.drill, turn.run.drill, event);
  turn.run.drill = next;
  for (const order of orders) carryOutForDrill(turn, order);
}

function carryOutForDrill(turn: Turn, order: DrillOrderName): void {
  switch (order) {
    case "beginPhase":
      beginPhase(turn);
      return;
    case "startSteps":
      startSteps(turn);
      return;
    case "stopPhase":
      tellOpenSteps(turn, { type: "STOP", reason: "phase_stopped" });
      return;
    case "stopSteps":
      stopSteps(turn);
      return;
    case "abandonSteps":
      tellOpenSteps(turn, { type: "ABANDON" });
      return;
    case "armStoppingDeadline":
    case "beginCleanup":
    case "finish":
      turn.actions.push({ type: order });
      return;
    default:
      order satisfies never;
  }
}

function beginPhase({ run, actions }: Turn): void {
  run.current = [...run.phases.values()].find((phase) => phase.compiled.name === run.phase) ?? null;
  if (run.current !== null) actions.push({ type: "beginPhase", phase: run.current.compiled.name });
}

function startSteps(turn: Turn): void {
  const phase = turn.run.current;
  if (phase === null) return;
  for (const { id, waitsFor } of phase.compiled.steps) if (waitsFor === 0) signal(turn, id, { type: "NEEDS_MET" });
  tellWhetherEnded(turn, phase);
}

function stopSteps(turn: Turn): void {
  tellOpenSteps(turn, { type: "STOP", reason: "halted" });
  if (turn.run.current !== null) tellWhetherEnded(turn, turn.run.current);
}

/** Once a phase at most for each signal: its cost is the phase's, not an event's (invariant 2). */
function tellOpenSteps(turn: Turn, event: StepEvent): void {
  for (const { id } of turn.run.current?.compiled.steps ?? []) signal(turn, id, event);
}

function isStepRecord(event: ChartEvent): event is StepRecord {
  return Object.hasOwn(STEP_RECORDS, event.type);
}

function isDrillRecord(event: ChartEvent): event is DrillRecord {
  return Object.hasOwn(DRILL_RECORDS, event.type);
}

/** A journal holds other records too, and some day those of a newer version. */
const STEP_RECORDS: Readonly<Record<StepRecord["type"], true>> = {
  "step.started": true,
  "step.skipped": true,
  "step.guard_passed": true,
  "step.guard_refused": true,
  "step.succeeded": true,
  "step.check_failed": true,
  "step.errored": true,
  "step.retry_scheduled": true,
  "step.retry_due": true,
  "step.deadline_passed": true,
  "step.stopped": true,
  "step.stop_overdue": true,
  "step.in_doubt": true,
};
const DRILL_RECORDS: Readonly<Record<DrillRecord["type"], true>> = {
  "run.started": true,
  "phase.begun": true,
  "phase.deadline_passed": true,
  "run.halted": true,
  "stopping.deadline_passed": true,
  "cleanup.begun": true,
  "cleanup.deadline_passed": true,
  "cleanup.finished": true,
};
