/**
 * The one loop that drives a run: event -> journal -> charts -> what is to be done.
 *
 * Owns: the inbox, the order of events, and the rule that nothing is done before its reason is durable.
 * Does not: know what a state leads to (charts), how a record becomes durable (journal), what an effect does (steps).
 *
 * Invariants
 *  L1  State is the fold of the journal: an event changes it by being recorded and in no other way.
 *  L2  Effects, stops and removals begin only when every record up to their own is durable.
 *  L3  What follows from an event (the next step's intent) is recorded in the same turn, so one sync serves both.
 *  L4  An effect begins only if its step is still `running` after the whole turn: a stop may have come first.
 *  L5  An event that is no longer current is dropped, not journaled.
 *  L6  When the journal fails, or the run was taken over, the run ends here: all is told to stop, nothing is acknowledged,
 *      nothing is removed.
 *  L7  When the disk is full the run is halted before anything else follows: from the reserve its end is recorded, and no more.
 */
import { disruptiveSteps } from "../drills/consents.ts";
import type { ChartEvent } from "../drills/run-event.ts";
import type { Action } from "../machines/run-chart.ts";
import { show } from "../support/printable.ts";
import { Attempts, type AttemptOrder } from "./attempts.ts";
import { cleanUp } from "./clean-up.ts";
import { decide, type Order } from "./decide.ts";
import { type Deadline, Deadlines, phaseDeadline, retryDeadline, stepDeadline, stepKey } from "./deadlines.ts";
import { guardScope } from "./guard-scope.ts";
import { isCurrent } from "./is-current.ts";
import type { Attempt } from "./run-attempt.ts";
import { outstandingResources } from "./run-memory.ts";
import { type RunSession, stepOf } from "./run-session.ts";
import { stepFailure } from "./step-failure.ts";
import { StopWatch } from "./stop-watch.ts";

/** What a turn starts from besides the inbox; used when a run is opened. */
export interface LoopStart {
  readonly events: readonly ChartEvent[];
  readonly actions: readonly Action[];
  readonly attempts: readonly AttemptOrder[];
  /** Set by a former process. */
  readonly deadlines: readonly Deadline[];
}

type Effect = () => void;

const FULL =
  "The disk that holds the journal is full: nothing new is begun, and the end of the run is recorded on its reserve.";

export class RunLoop {
  readonly #deadlines: Deadlines;
  readonly #session: RunSession;
  readonly #attempts: Attempts;
  readonly #guards = new AbortController();
  readonly #watch: StopWatch;
  #inbox: ChartEvent[] = [];
  #wake: PromiseWithResolvers<void> = Promise.withResolvers();
  #failure: Error | null = null;
  #finished = false;
  #toldFull = false;

  constructor(session: RunSession) {
    this.#session = session;
    const post = (event: ChartEvent): void => this.post(event);
    this.#deadlines = new Deadlines(session.deps.timers, post);
    this.#attempts = new Attempts(session, post);
    this.#watch = new StopWatch(session, post);
    void session.log.failed.then((error) => this.#fail(error)); // L6
    void session.log.filled.then(() => this.#wake.resolve()); // L7
    void session.hold.lost.then((error) => this.#fail(error)); // L6
  }

  /** Puts an event in the inbox; it takes effect in the next turn. */
  post(event: ChartEvent): void {
    this.#inbox.push(event);
    this.#wake.resolve();
  }

  /** Resolves when the charts have ended and all is durable. Throws `JOURNAL_FAILED`. */
  async run(start: LoopStart): Promise<void> {
    try {
      for (const deadline of start.deadlines) this.#deadlines.arm(deadline);
      if (this.#hasDisrupted(start)) this.#watch.begin();
      await this.#turn(start.events, start.actions, start.attempts);
      while (!this.#finished) {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
        if (this.#failure !== null) throw this.#failure;
        const events = this.#inbox;
        this.#inbox = [];
        await this.#turn(events, [], []);
      }
    } catch (error) {
      await this.#attempts.stopAll(); // L6
      throw error;
    } finally {
      this.#guards.abort();
      this.#watch.end();
      this.#deadlines.disarmAll();
    }
  }

  /** Whether a former process began a disruptive step, and the run is still at it. */
  #hasDisrupted({ events }: LoopStart): boolean {
    const { memory, plan } = this.#session;
    const ending = memory.halted || memory.cleanupBegun || events.some((event) => event.type === "run.halted");
    return !ending && disruptiveSteps(plan).some((step) => memory.attempts.has(step.id));
  }

  async #turn(
    events: readonly ChartEvent[],
    actions: readonly Action[],
    attempts: readonly AttemptOrder[],
  ): Promise<void> {
    const effects: Effect[] = attempts.map((order) => () => this.#begin(order));
    this.#heedFullDisk(effects);
    this.#answer(actions, effects);
    for (const event of events) this.#take(event, effects);
    await this.#session.log.flush(); // L2
    // It may be this turn's records that found the disk full: they are on record, and their effects wait for the halt (L4).
    if (this.#heedFullDisk(effects)) await this.#session.log.flush();
    for (const effect of effects) effect();
  }

  /** L7. Whether it was to be told only now. */
  #heedFullDisk(effects: Effect[]): boolean {
    const { log, state, memory } = this.#session;
    if (this.#toldFull || !log.isFull()) return false;
    this.#toldFull = true;
    log.record({ type: "deviation", data: { step: null, code: "JOURNAL_FULL", message: FULL } });
    const halt: ChartEvent = { type: "run.halted", data: { by: "guard", reason: `JOURNAL_FULL ${FULL}`, who: null } };
    if (isCurrent(halt, state, memory)) this.#answer(this.#record(halt, effects), effects);
    return true;
  }

  #take(event: ChartEvent, effects: Effect[]): void {
    if (isCurrent(event, this.#session.state, this.#session.memory))
      this.#answer(this.#record(event, effects), effects);
    else this.#session.deps.log.debug({ event: event.type }, "event_too_late"); // L5
  }

  #record(event: ChartEvent, effects: Effect[], input?: Attempt["input"]): readonly Action[] {
    const { actions } = this.#session.log.record(event); // L1
    const effect = this.#followUp(event, input);
    if (effect !== null) effects.push(effect);
    return event.type === "step.guard_refused" ? [...actions, ...this.#haltByGuard(event.data.message)] : actions;
  }

  /** Beside the refusal and before what follows from it: who reads the record sees why the run stopped. */
  #haltByGuard(reason: string): readonly Action[] {
    const halt: ChartEvent = { type: "run.halted", data: { by: "guard", reason, who: null } };
    return isCurrent(halt, this.#session.state, this.#session.memory) ? this.#session.log.record(halt).actions : [];
  }

  /** Answers what is asked, and what the answers ask in turn (L3): a list, as a chain of skipped steps may be long. */
  #answer(asked: readonly Action[], effects: Effect[]): void {
    const actions = [...asked];
    for (const action of actions) {
      const answer = decide(action, this.#session);
      if (answer.kind === "record") actions.push(...this.#record(answer.event, effects, answer.input));
      if (answer.kind === "do") effects.push(() => this.#carryOut(answer.order));
    }
  }

  /** What a record itself sets in motion. */
  #followUp(event: ChartEvent, input: Attempt["input"] | undefined): Effect | null {
    switch (event.type) {
      case "phase.begun":
        return () => this.#deadlines.arm(phaseDeadline(event.data));
      case "step.started":
        return () => this.#begin({ step: event.data.step, started: event.data, input: input ?? {}, mode: "run" });
      case "step.retry_scheduled":
        return () => this.#deadlines.arm(retryDeadline(event.data));
      case "step.succeeded":
      case "step.check_failed":
      case "step.errored":
      case "step.stopped":
      case "step.stop_overdue":
        return () => this.#deadlines.disarm(stepKey(event.data.step));
      case "cleanup.begun":
        return () => this.#cleanUp(event.data.deadlineMonoUs);
      default:
        return null;
    }
  }

  #begin(order: AttemptOrder): void {
    const { state } = this.#session;
    const now = state.steps.get(order.step)?.state;
    if (order.mode !== "find_out" && now !== "running") return; // L4
    if (now === "running") this.#deadlines.arm(stepDeadline(order.step, order.started));
    if (this.#session.planSteps.get(order.step)?.effect === "disruptive") this.#watch.begin();
    this.#attempts.begin(order);
  }

  #carryOut(order: Order): void {
    switch (order.type) {
      case "checkGuard":
        void this.#askGuard(order);
        return;
      case "stopStep":
        this.#deadlines.disarm(stepKey(order.step));
        this.#attempts.stop(order.step, order.attempt);
        return;
      case "armStoppingDeadline":
        this.#deadlines.arm({
          key: "stopping",
          dueMonoUs: this.#in(this.#session.limits.stoppingMs),
          event: { type: "stopping.deadline_passed", data: {} },
        });
        return;
      case "beginCleanup":
        this.#cleanUp(this.#in(this.#session.limits.cleanupMs));
        return;
      case "finish":
        this.#finished = true;
        return;
      default:
        order satisfies never;
    }
  }

  async #askGuard({ step: id, attempt }: Extract<Order, { readonly type: "checkGuard" }>): Promise<void> {
    const { plan, deps } = this.#session;
    try {
      const scope = guardScope(this.#session, this.#watch);
      const answer = await deps.guard.check(stepOf(this.#session, id).step, plan, this.#guards.signal, scope);
      if (answer.kind === "passed") this.post({ type: "step.guard_passed", data: { step: id, attempt } });
      else this.post({ type: "step.guard_refused", data: { step: id, attempt, message: answer.message } });
    } catch (error) {
      // A guard that cannot answer has not agreed.
      this.post({
        type: "step.guard_refused",
        data: { step: id, attempt, message: stepFailure(error, deps.redactor).message },
      });
    }
  }

  /** Removes what the ledger holds; what is still at work has lost its say. */
  #cleanUp(deadlineMonoUs: number): void {
    const { memory, log, deps } = this.#session;
    this.#deadlines.disarmAll();
    this.#guards.abort();
    this.#attempts.abandonAll();
    this.#endWatch();
    // Also on a full disk: what is gone is gone, and that stands on the reserve.
    const record = async (event: Parameters<typeof log.record>[0]): Promise<void> => {
      await log.record(event).durable;
    };
    cleanUp({ resources: outstandingResources(memory), deadlineMonoUs, record }, deps).then(
      (end) =>
        this.post(
          end.kind === "finished"
            ? { type: "cleanup.finished", data: { leftovers: end.leftovers } }
            : { type: "cleanup.deadline_passed", data: {} },
        ),
      (error: unknown) => this.#fail(error),
    );
  }

  #endWatch(): void {
    for (const { title } of this.#watch.end()) {
      const message = `The stop condition ${show(title)} was watched and never gave an answer: it protected nothing.`;
      this.#session.log.record({
        type: "deviation",
        data: { step: null, code: "STOP_CONDITION_NEVER_ANSWERED", message },
      });
    }
  }

  #fail(error: unknown): void {
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#wake.resolve();
  }

  #in(milliseconds: number): number {
    return this.#session.deps.clock.monoUs() + milliseconds * 1000;
  }
}
