/**
 * The attempts at work in this process.
 *
 * Owns: each attempt's abort signal, its grace period, and its context's life.
 * Does not: decide when an attempt starts or stops (run-loop.ts), or what its outcome means (charts).
 *
 * Invariants
 *  A1  An attempt posts exactly one outcome: its own, or `step.stop_overdue` when the grace period was over first.
 *  A2  Its context is closed before its outcome is posted: an outcome is the last thing a step says.
 *  A3  To stop what is not at work (its process died) is to say that it has stopped.
 *  A4  A step that halts the run is told to stop at once: what it throws after that is how it stopped, not an error.
 *  A5  To find out what a lost effect did while it is to stop has the grace period: what is not known by then is in doubt.
 *  A6  What did not happen is done again only while its step is still `running`, as an effect begins (L4 of run-loop.ts).
 */
import type { ChartEvent } from "../drills/run-event.ts";
import { requireCurrent } from "./guard-scope.ts";
import { runAttempt, reconcileAttempt, type Attempt } from "./run-attempt.ts";
import type { StartedAttempt } from "./run-memory.ts";
import { type RunSession, stepOf } from "./run-session.ts";
import { openContext } from "./step-context.ts";
import { stepScope } from "./step-scope.ts";

export interface AttemptOrder {
  readonly step: string;
  readonly started: StartedAttempt;
  readonly input: Attempt["input"];
  /**
   * `reconcile`: a former process began it; the world is asked before it is done again. `find_out`: as well, and it is
   * not done again, because the run is stopping.
   */
  readonly mode: "run" | "reconcile" | "find_out";
}

interface Active {
  readonly attempt: number;
  readonly controller: AbortController;
  readonly close: () => void;
  disarm: () => void;
  settled: Promise<void>;
}

export class Attempts {
  readonly #active = new Map<string, Active>();
  readonly #session: RunSession;
  readonly #post: (event: ChartEvent) => void;

  constructor(session: RunSession, post: (event: ChartEvent) => void) {
    this.#session = session;
    this.#post = post;
  }

  begin(order: AttemptOrder): void {
    const controller = new AbortController();
    const { attempt, close } = this.#prepare(order, controller);
    const active: Active = {
      attempt: order.started.attempt,
      controller,
      close,
      disarm: () => {},
      settled: Promise.resolve(),
    };
    this.#active.set(order.step, active);
    if (order.mode === "find_out") this.#boundSearch(order, active);
    active.settled = this.#perform(attempt, order).then((event) => this.#end(order.step, active, event));
  }

  stop(step: string, attempt: number): void {
    const active = this.#active.get(step);
    if (active === undefined || active.attempt !== attempt)
      return this.#post({ type: "step.stopped", data: { step, attempt } }); // A3
    const { timers, clock } = this.#session.deps;
    active.disarm();
    const overdueMonoUs = clock.monoUs() + this.#session.limits.stopGraceMs * 1000;
    active.disarm = timers.at(overdueMonoUs, () =>
      this.#end(step, active, { type: "step.stop_overdue", data: { step, attempt } }),
    );
    active.controller.abort(abortError());
  }

  /** A5. Its deadline has passed, and nobody told it to stop: it was not at work then. */
  #boundSearch({ step, started: { attempt } }: AttemptOrder, active: Active): void {
    const { timers, clock } = this.#session.deps;
    const { stopGraceMs } = this.#session.limits;
    const message = `What it did before its orchestrator died could not be found out within ${stopGraceMs} ms.`;
    active.disarm = timers.at(clock.monoUs() + stopGraceMs * 1000, () => {
      this.#end(step, active, { type: "step.in_doubt", data: { step, attempt, message } });
      active.controller.abort(abortError());
    });
  }

  /** The run goes on without what is still at work. */
  abandonAll(): void {
    for (const active of this.#active.values()) {
      active.disarm();
      active.close();
      active.controller.abort(abortError());
    }
    this.#active.clear();
  }

  /** Tells all to stop and waits for them, at most the grace period: for the end of a run that can record nothing. */
  async stopAll(): Promise<void> {
    const settled = Promise.all([...this.#active.values()].map((active) => active.settled));
    this.abandonAll();
    const { timers, clock } = this.#session.deps;
    const grace = Promise.withResolvers<void>();
    const disarm = timers.at(clock.monoUs() + this.#session.limits.stopGraceMs * 1000, grace.resolve);
    await Promise.race([settled, grace.promise]);
    disarm();
  }

  #prepare(
    order: AttemptOrder,
    controller: AbortController,
  ): { readonly attempt: Attempt; readonly close: () => void } {
    const { plan, memory, log, deps, runId, dir, epoch } = this.#session;
    const { step, definition } = stepOf(this.#session, order.step);
    const seed = memory.started?.seed ?? runId;
    const { context, close } = openContext(
      {
        runId,
        dir,
        seed,
        epoch,
        plan,
        step,
        started: order.started,
        signal: controller.signal,
        memory,
        log,
        halt: (reason, who) => {
          this.#post({ type: "run.halted", data: { by: "halt", reason, who } });
          controller.abort(abortError()); // A4
        },
        stop: () => controller.abort(abortError()),
        requireCurrent: () => requireCurrent(this.#session),
        requireHeld: () => this.#session.hold.requireHeld(),
      },
      deps,
    );
    const scope = (): ReturnType<typeof stepScope> => stepScope(plan, memory);
    return { attempt: { step, definition, input: order.input, context, scope, redactor: deps.redactor }, close };
  }

  async #perform(attempt: Attempt, order: AttemptOrder): Promise<ChartEvent> {
    const { crashPoint } = this.#session.deps;
    crashPoint?.("before-effect", order.step);
    const event = order.mode === "run" ? await runAttempt(attempt) : await this.#reconcileThenRun(attempt, order.mode);
    crashPoint?.("after-effect", order.step);
    return event;
  }

  async #reconcileThenRun(attempt: Attempt, mode: "reconcile" | "find_out"): Promise<ChartEvent> {
    const reconciled = await reconcileAttempt(attempt);
    if (reconciled.kind === "outcome") return reconciled.event;
    const { step, context } = attempt;
    // A6: the record of a stop may be on its way to the disk, and the stop itself comes after it.
    const isRunning = this.#session.state.steps.get(step.id)?.state === "running";
    if (isRunning && !context.signal.aborted && mode === "reconcile") return runAttempt(attempt);
    return { type: "step.stopped", data: { step: step.id, attempt: context.attempt } };
  }

  #end(step: string, active: Active, event: ChartEvent): void {
    if (this.#active.get(step) !== active) {
      this.#session.deps.log.warn({ step, outcome: event.type }, "outcome_after_given_up");
      return; // A1
    }
    this.#active.delete(step);
    active.disarm();
    active.close(); // A2
    this.#post(event);
  }
}

function abortError(): DOMException {
  return new DOMException("The step was told to stop.", "AbortError");
}
