import type { PhaseName } from "../drills/phases.ts";
import type { SkipReason } from "../drills/run-event.ts";
import type { CompiledPhase, CompiledPlan, CompiledStep } from "./compile-plan.ts";
import { type DrillSnapshot, drillState, type StopReason } from "./drill-machine.ts";
import type { DrillStateName } from "./drill-table.ts";
import { type StepSnapshot, stepState } from "./step-machine.ts";
import type { StepStateName } from "./step-vocabulary.ts";

/** One step as anyone may look at it. */
export interface StepView {
  readonly id: string;
  readonly state: StepStateName;
  /** The attempt that runs, ran last or comes next; the first is 1. */
  readonly attempt: number;
  /** Nothing of the step happens any more. A step of a phase that never began has not ended. */
  readonly ended: boolean;
  readonly skipReason: SkipReason | null;
}

/** A run as the fold of its journal so far. Changed by `advance` only. */
export class RunState {
  readonly compiled: CompiledPlan;
  readonly steps: ReadonlyMap<string, StepRun>;
  readonly phases: ReadonlyMap<PhaseName, PhaseRun>;
  drill: DrillSnapshot;
  /** The phase that was begun last. */
  current: PhaseRun | null = null;

  constructor(compiled: CompiledPlan) {
    this.compiled = compiled;
    this.drill = compiled.drill.start;
    this.steps = new Map([...compiled.steps].map(([id, step]) => [id, new StepRun(step)]));
    this.phases = new Map([...compiled.phases].map(([name, phase]) => [name, new PhaseRun(phase)]));
  }

  get phase(): DrillStateName {
    return drillState(this.drill);
  }

  /** The latest reason why a phase or the run did not go on; null while all is well. */
  get stopReason(): StopReason | null {
    return this.drill.context.stopReason;
  }
}

/** A step's place in its chart, and how many steps it still waits for. */
export class StepRun implements StepView {
  readonly compiled: CompiledStep;
  snapshot: StepSnapshot;
  remaining: number;

  constructor(compiled: CompiledStep) {
    this.compiled = compiled;
    this.snapshot = compiled.chart.start;
    this.remaining = compiled.waitsFor;
  }

  get id(): string {
    return this.compiled.id;
  }

  get state(): StepStateName {
    return stepState(this.snapshot);
  }

  get attempt(): number {
    return this.snapshot.context.attempt;
  }

  get ended(): boolean {
    return this.snapshot.status === "done";
  }

  get skipReason(): SkipReason | null {
    return this.snapshot.context.skipReason;
  }

  /** A required step holds up its phase unless it succeeded or was meant to be passed over. */
  get satisfied(): boolean {
    return this.state === "succeeded" || (this.state === "skipped" && this.skipReason === "condition");
  }
}

/** A phase's counters. */
export class PhaseRun {
  readonly compiled: CompiledPhase;
  /** Steps that have not ended. */
  open: number;
  failed = false;

  constructor(compiled: CompiledPhase) {
    this.compiled = compiled;
    this.open = compiled.steps.length;
  }
}
