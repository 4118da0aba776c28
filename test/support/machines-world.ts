import type { PhaseName } from "../../src/drills/phases.ts";
import type { PlanStep } from "../../src/drills/plan.ts";
import type { ChartEvent } from "../../src/drills/run-event.ts";
import {
  type Action,
  advance,
  type CompiledPlan,
  createRun,
  outstanding,
  type RunState,
} from "../../src/machines/run-chart.ts";
import { record } from "./machines-records.ts";
import { actionText } from "./machines-script.ts";

/** What a run did in a world: its journal, all actions in their order, and what each asked when. */
export interface Played {
  readonly run: RunState;
  readonly journal: readonly ChartEvent[];
  /** Actions as text with the journal's length when they were asked. */
  readonly asked: readonly { readonly text: string; readonly at: number }[];
}

/**
 * An engine without a world: answers every action, in an order and with outcomes that the numbers of `tape` choose, and
 * throws in halts, deadlines, doubles and crashes. `check` sees every action before it is answered.
 */
export function play(compiled: CompiledPlan, tape: readonly number[], check: Check): Played {
  const world = new World(compiled, tape);
  world.hear(record.started(), check);
  while (world.run.phase !== "finished") world.next(check);
  return { run: world.run, journal: world.journal, asked: world.asked };
}

export type Check = (action: Action, run: RunState) => void;

/** Every how many records, on average, something happens that nobody asked for. */
const MISHAP = 30;
const MISHAPS_AT_MOST = 30;

class World {
  run: RunState;
  readonly journal: ChartEvent[] = [];
  readonly asked: { text: string; at: number }[] = [];
  private readonly compiled: CompiledPlan;
  private readonly steps: ReadonlyMap<string, PlanStep>;
  private readonly tape: readonly number[];
  private read = 0;
  private mishaps = 0;
  private pending: ChartEvent[] = [];

  constructor(compiled: CompiledPlan, tape: readonly number[]) {
    this.compiled = compiled;
    this.run = createRun(compiled);
    this.steps = new Map(compiled.plan.steps.map((step) => [step.id, step]));
    this.tape = tape;
  }

  hear(event: ChartEvent, check: Check): void {
    this.journal.push(event);
    const actions = advance(this.run, event);
    for (const action of actions) {
      check(action, this.run);
      this.asked.push({ text: actionText(action), at: this.journal.length });
      this.answer(action);
    }
    if (event.type === "step.started" && this.run.steps.get(event.data.step)?.state === "running")
      this.effect(event.data.step);
    if (event.type === "step.retry_scheduled") this.pending.push(record.retryDue(event.data.step, event.data.attempt));
    if (event.type === "cleanup.begun")
      this.pending.push(this.chance(4) ? record.cleanupLate() : record.cleanupFinished());
  }

  next(check: Check): void {
    if (this.mishaps < MISHAPS_AT_MOST && this.chance(MISHAP)) this.mishap(check);
    const event = this.pending.splice(this.pick(this.pending.length), 1)[0];
    if (event !== undefined) this.hear(event, check);
    else if (this.run.phase !== "finished") {
      throw new Error(`nothing is pending in ${this.run.phase}: ${this.journal.map(({ type }) => type).join(" ")}`);
    }
  }

  private answer(action: Action): void {
    switch (action.type) {
      case "beginPhase":
        this.pending.push(record.begun(action.phase));
        return;
      case "checkGuard":
        this.pending.push(this.guard(action.step, action.attempt));
        return;
      case "startStep":
        this.pending.push(this.start(action.step, action.attempt));
        return;
      case "skipStep":
        this.pending.push(record.skip(action.step, action.reason));
        return;
      case "scheduleRetry":
        this.pending.push(record.retryScheduled(action.step, action.attempt));
        return;
      case "stopStep":
        this.pending.push(this.stop(action.step, action.attempt));
        return;
      case "beginCleanup":
        this.pending.push(record.cleanupBegun());
        return;
      case "armStoppingDeadline":
      case "finish":
        return;
      default:
        action satisfies never;
    }
  }

  private guard(step: string, attempt: number): ChartEvent {
    if (attempt === 1 && this.chance(10)) return record.skip(step);
    return this.chance(6) ? record.guardRefused(step, attempt) : record.guardPassed(step, attempt);
  }

  private start(step: string, attempt: number): ChartEvent {
    if (attempt === 1 && this.chance(8)) return record.skip(step);
    return this.chance(20) ? record.error(step, attempt) : record.start(step, attempt);
  }

  /** The effect began: its outcome, or its deadline first. */
  private effect(step: string): void {
    const attempt = this.run.steps.get(step)?.attempt ?? 0;
    this.pending.push(this.outcome(step, attempt));
    if (this.chance(8)) this.pending.push(record.late(step, attempt));
  }

  private outcome(step: string, attempt: number): ChartEvent {
    switch (this.pick(24)) {
      case 0:
        return record.error(step, attempt, "transient");
      case 1:
        return record.error(step, attempt, "timeout");
      case 2:
        return record.error(step, attempt, "subject");
      case 3:
        return this.steps.get(step)?.role === "check"
          ? record.checkFailed(step, attempt)
          : record.success(step, attempt);
      case 4:
        return this.chance(4) ? record.doubt(step, attempt) : record.stopped(step, attempt);
      default:
        return record.success(step, attempt);
    }
  }

  private stop(step: string, attempt: number): ChartEvent {
    return this.chance(5) ? record.overdue(step, attempt) : record.stopped(step, attempt);
  }

  private mishap(check: Check): void {
    this.mishaps += 1;
    switch (this.pick(6)) {
      case 0:
        this.hear(record.halt(), check);
        return;
      case 1:
        if (isPhase(this.run.phase)) this.hear(record.phaseLate(this.run.phase), check);
        return;
      case 2:
        if (this.run.phase === "stopping") this.hear(record.stoppingLate(), check);
        return;
      case 3:
        this.crash();
        return;
      default:
        this.double(check);
    }
  }

  /** A record of the past comes once more; it may not ask for anything. */
  private double(check: Check): void {
    const again = this.journal[this.pick(this.journal.length)];
    const before = this.asked.length;
    if (again !== undefined) this.hear(again, check);
    if (this.asked.length > before) throw new Error(`a second ${again?.type} asked for ${this.asked.at(-1)?.text}`);
  }

  /** The orchestrator dies: what was pending is lost; the journal and what it leaves outstanding are all there is. */
  private crash(): void {
    this.run = createRun(this.compiled);
    for (const event of this.journal) advance(this.run, event);
    this.pending = [];
    for (const action of outstanding(this.run)) this.answer(action);
    for (const { id, state, attempt } of this.run.steps.values()) {
      if (state === "running") this.effect(id);
      if (state === "backoff") this.pending.push(record.retryDue(id, attempt));
    }
  }

  private chance(oneIn: number): boolean {
    return this.pick(oneIn) === 0;
  }

  private pick(below: number): number {
    const number = this.tape[this.read % this.tape.length] ?? 0;
    // Turning through the tape, so that a short one does not repeat the same choices for ever.
    const turned = number + Math.floor(this.read / this.tape.length) * 7;
    this.read += 1;
    return below === 0 ? 0 : turned % below;
  }
}

function isPhase(name: RunState["phase"]): name is PhaseName {
  return name !== "idle" && name !== "stopping" && name !== "cleanup" && name !== "finished";
}
