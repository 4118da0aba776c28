import type { PhaseName } from "../../src/drills/phases.ts";
import type { Plan, PlanPhase, PlanStep } from "../../src/drills/plan.ts";
import type { Recorded, Resource } from "../../src/drills/run-event.ts";
import { limitsForSimulation } from "./sim-limits.ts";
import type { Wanted } from "./sim-plan.ts";
import { must } from "./violation.ts";

export interface MirrorStep {
  readonly step: PlanStep;
  state: "open" | "running" | "backoff" | "succeeded" | "waived" | "failed";
  attempt: number;
  /** Attempt for which the guards have agreed. */
  guarded: number;
  dueMonoUs: number;
  retryDueMonoUs: number | null;
  late: boolean;
}

/**
 * What a journal may say, written from the documentation and without the engine or its charts: takes the durable records one
 * by one and refuses the first that must not stand where it stands.
 */
export class Mirror {
  readonly steps: ReadonlyMap<string, MirrorStep>;
  readonly ledger = new Map<string, { readonly resource: Resource; state: "open" | "destroyed" | "leftover" }>();
  /** In the order in which they are to be removed. */
  phase: PlanPhase | null = null;
  phaseDueMonoUs = 0;
  phaseFailed = false;
  phaseOver = false;
  started = false;
  stopping: "no" | "halted" | "deadline" | "doubt" | "refused" = "no";
  cleanupBegun = false;
  cleanupDueMonoUs = 0;
  halted = false;
  ended = false;
  finished: { readonly result: string; readonly exitCode: number } | null = null;
  epoch = 1;
  rebooted = false;
  last: Recorded | null = null;
  readonly #plan: Plan;
  readonly #wanted: ReadonlyMap<string, Wanted>;
  readonly #outputs = new Map<string, unknown>();
  readonly #begun = new Set<PhaseName>();
  readonly #settled = new Set<string>();

  constructor(plan: Plan, wanted: ReadonlyMap<string, Wanted>) {
    this.#plan = plan;
    this.#wanted = wanted;
    this.steps = new Map(
      plan.steps.map((step) => [
        step.id,
        { step, state: "open", attempt: 1, guarded: 0, dueMonoUs: 0, retryDueMonoUs: null, late: false },
      ]),
    );
  }

  get winding(): boolean {
    return this.stopping !== "no" || this.cleanupBegun;
  }

  take(record: Recorded): void {
    this.#inOrder(record);
    must(this.finished === null, `nothing is recorded after run.finished, and ${record.type} was`);
    this.#take(record);
    this.last = record;
  }

  #inOrder({ seq, epoch, boot, monoUs, type }: Recorded): void {
    must(seq === (this.last?.seq ?? 0) + 1, `record ${seq} follows ${this.last?.seq ?? 0}`);
    must(seq > 1 || type === "run.started", `the first record is run.started, not ${type}`);
    must(
      type === "run.resumed" ? epoch === this.epoch + 1 : epoch === this.epoch,
      `${type} has epoch ${epoch} after ${this.epoch}`,
    );
    this.epoch = epoch;
    if (this.last?.boot === boot) must(monoUs >= this.last.monoUs, `time goes back at record ${seq}`);
    else if (this.last !== null) {
      must(type === "run.resumed", `another boot without run.resumed at record ${seq}`);
      this.rebooted = true;
    }
  }

  #take(record: Recorded): void {
    switch (record.type) {
      case "run.started":
        this.started = true;
        return;
      case "run.resumed":
        return must(
          record.data.clockSuspect === (record.boot !== this.last?.boot),
          `run.resumed says clockSuspect ${record.data.clockSuspect}`,
        );
      case "run.halted":
        must(!this.halted, "a run is halted once");
        must(!this.ended, "a halt after the end");
        this.halted = true;
        if (!this.cleanupBegun) this.stopping = "halted";
        return;
      case "run.finished":
        must(this.ended, "run.finished before cleanup ended");
        this.finished = record.data;
        return;
      case "phase.begun":
        return this.#phaseBegun(record.data, record.monoUs);
      case "phase.deadline_passed":
        must(
          record.data.phase === this.phase?.name && !this.cleanupBegun && this.stopping === "no",
          "a deadline of a phase that is over",
        );
        must(record.monoUs >= this.phaseDueMonoUs || this.rebooted, "the deadline of a phase before its time");
        this.stopping = "deadline";
        return;
      case "stopping.deadline_passed":
        must(this.stopping !== "no" && !this.cleanupBegun, "stopping has no deadline when nothing stops");
        for (const step of this.steps.values()) if (step.state === "running") step.state = "failed";
        return;
      case "cleanup.begun":
        return this.#cleanupBegun(record.data.deadlineMonoUs, record.monoUs);
      case "cleanup.finished":
        must(this.cleanupBegun && !this.ended, "cleanup ends once, after it began");
        must(
          this.#count("leftover") === record.data.leftovers,
          `cleanup counts ${record.data.leftovers} left over, its records ${this.#count("leftover")}`,
        );
        must(this.#count("open") === 0, "cleanup is finished, and the ledger is not");
        this.ended = true;
        return;
      case "cleanup.deadline_passed":
        must(this.cleanupBegun && !this.ended, "cleanup ends once, after it began");
        must(this.#count("open") === 0, "cleanup is over, and passed something over");
        this.ended = true;
        return;
      case "mark":
        return this.#note(record.type, null);
      case "fact":
        return this.#note(record.type, record.data.step);
      case "deviation":
        return record.data.step === null ? undefined : this.#note(record.type, record.data.step);
      case "resource.planned":
      case "resource.created":
      case "resource.destroyed":
      case "resource.leftover":
        return this.#resource(record);
      default:
        return this.#stepRecord(record);
    }
  }

  #phaseBegun(
    { phase, deadlineMonoUs }: { readonly phase: PhaseName; readonly deadlineMonoUs: number },
    monoUs: number,
  ): void {
    must(!this.winding, `${phase} begins while the run stops`);
    must(!this.#begun.has(phase), `${phase} begins twice`);
    const index = this.#plan.phases.findIndex(({ name }) => name === phase);
    const next = this.#plan.phases[index];
    must(next !== undefined, `${phase} is no phase of the plan`);
    const before = this.#plan.phases.slice(0, index).findLast(({ name }) => this.#begun.has(name));
    if (before === undefined) must(index === 0, `${phase} is not the first phase`);
    else this.#requireOver(before, index, phase);
    must(deadlineMonoUs === monoUs + next.timeoutMs * 1000, `the deadline of ${phase} is not its time from now`);
    this.#begun.add(phase);
    this.phase = next;
    this.phaseDueMonoUs = deadlineMonoUs;
    this.phaseFailed = false;
  }

  /** Phases are barriers; after a failure only `return` comes, and only when the service was recovered. */
  #requireOver(before: PlanPhase, index: number, phase: PhaseName): void {
    const members = [...this.steps.values()].filter(({ step }) => step.phase === before.name);
    must(
      members.every(({ state }) => state !== "open" && state !== "running" && state !== "backoff"),
      `${phase} begins before ${before.name} has ended`,
    );
    const failed = members.some(({ step, state }) => step.required && state === "failed");
    const follows = this.#plan.phases.indexOf(before) === index - 1;
    if (failed)
      must(
        phase === "return" && (before.name === "verify" || before.name === "hold"),
        `${phase} begins after ${before.name} has failed`,
      );
    else must(follows, `${phase} begins after ${before.name}, and a phase between them was left out`);
  }

  #cleanupBegun(deadlineMonoUs: number, monoUs: number): void {
    must(!this.cleanupBegun, "cleanup begins once");
    must(
      deadlineMonoUs === monoUs + limitsForSimulation.cleanupMs * 1000,
      "the deadline of cleanup is not its time from now",
    );
    const running = [...this.steps.values()].filter(({ state }) => state === "running");
    must(running.length === 0, `cleanup begins while ${running[0]?.step.id ?? "?"} is at work`);
    this.cleanupBegun = true;
    this.cleanupDueMonoUs = deadlineMonoUs;
  }

  /** A step speaks while it is at work. */
  #note(type: string, id: string | null): void {
    if (id === null) {
      must(
        [...this.steps.values()].some(({ state }) => state === "running"),
        `a ${type} when no step is at work`,
      );
      return;
    }
    must(this.steps.get(id)?.state === "running", `${id} records a ${type} when it is not at work`);
  }

  #resource(record: Extract<Recorded, { readonly type: `resource.${string}` }>): void {
    if (record.type === "resource.planned") {
      const { resource } = record.data;
      this.#note(record.type, resource.step);
      must(!this.cleanupBegun, "something is planned during cleanup");
      this.ledger.set(resource.id, { resource, state: "open" });
      return;
    }
    const entry = this.ledger.get(record.data.id);
    must(entry !== undefined, `${record.type} of something that was not planned`);
    must(entry.state !== "destroyed", `${record.type} of something that is gone`);
    if (record.type === "resource.created") return this.#note(record.type, entry.resource.step);
    if (this.cleanupBegun) this.#requireOrder(record.data.id);
    entry.state = record.type === "resource.destroyed" ? "destroyed" : "leftover";
  }

  /** Last planned, first removed. */
  #requireOrder(id: string): void {
    const ids = [...this.ledger.keys()];
    const later = ids.slice(ids.indexOf(id) + 1).map((each) => this.ledger.get(each)?.state);
    must(!later.includes("open"), `${id} is removed before what was planned after it`);
  }

  #count(state: "open" | "leftover"): number {
    return [...this.ledger.values()].filter((entry) => entry.state === state).length;
  }

  #stepRecord(record: Extract<Recorded, { readonly type: `step.${string}` }>): void {
    const step = this.steps.get(record.data.step);
    must(step !== undefined, `${record.type} of a step that the plan does not have`);
    const { id } = step.step;
    must(!this.cleanupBegun, `${record.type} of ${id} during cleanup`);
    // A halt may come before the phase has begun: its steps are passed over then.
    const unbegun = this.winding && record.type === "step.skipped" && !this.#begun.has(step.step.phase);
    must(step.step.phase === this.phase?.name || unbegun, `${record.type} of ${id} outside of its phase`);
    if ("attempt" in record.data)
      must(
        record.data.attempt === step.attempt,
        `${record.type} of ${id} is of attempt ${record.data.attempt}, not ${step.attempt}`,
      );
    switch (record.type) {
      case "step.guard_passed":
        must(step.state === "open" && step.step.effect === "disruptive", `the guards of ${id} answer unasked`);
        step.guarded = step.attempt;
        return;
      case "step.guard_refused":
        must(step.state === "open" && step.step.effect === "disruptive", `the guards of ${id} answer unasked`);
        if (this.stopping === "no") this.stopping = "refused";
        return;
      case "step.started":
        return this.#begins(step, record);
      case "step.skipped":
        return this.#skipped(step, record.data.reason);
      case "step.retry_scheduled": {
        must(step.state === "backoff" && step.retryDueMonoUs === null, `a retry of ${id} that nobody asked for`);
        const ceilingMs = step.step.retry.delayMs * 2 ** Math.max(0, step.attempt - 2);
        const delayUs = record.data.dueMonoUs - record.monoUs;
        must(delayUs >= 0 && delayUs <= ceilingMs * 1000, `the delay of ${id} is ${delayUs} us`);
        step.retryDueMonoUs = record.data.dueMonoUs;
        return;
      }
      case "step.retry_due":
        must(
          step.state === "backoff" && step.retryDueMonoUs !== null,
          `a retry of ${id} is due, and was not scheduled`,
        );
        must(record.monoUs >= step.retryDueMonoUs || this.rebooted, `the retry of ${id} comes before its time`);
        step.state = "open";
        step.retryDueMonoUs = null;
        return;
      case "step.deadline_passed":
        must(step.state === "running" && !step.late, `a deadline of ${id} when it is not at work`);
        must(record.monoUs >= step.dueMonoUs || this.rebooted, `the deadline of ${id} before its time`);
        step.late = true;
        return;
      default:
        return this.#ends(step, record);
    }
  }

  #begins(step: MirrorStep, { data, monoUs }: Extract<Recorded, { readonly type: "step.started" }>): void {
    const { id, needs, after, effect, timeoutMs } = step.step;
    must(!this.winding, `${id} begins while the run stops`);
    must(!(this.phaseFailed && this.phase?.onFailure === "stop"), `${id} begins after its phase has failed`);
    must(step.state === "open", `${id} begins, and is ${step.state}`);
    if (effect === "disruptive") must(step.guarded === data.attempt, `${id} begins without its guards`);
    for (const need of needs)
      must(this.steps.get(need)?.state === "succeeded", `${id} begins before ${need} has succeeded`);
    const before = after === null ? undefined : this.steps.get(after)?.state;
    must(
      before !== "open" && before !== "running" && before !== "backoff",
      `${id} begins before ${after ?? "?"} has ended`,
    );
    if (data.attempt === 1) must(this.#isWanted(id) === true, `${id} begins, and its condition says no`);
    must(data.deadlineMonoUs === monoUs + timeoutMs * 1000, `the deadline of ${id} is not its time from now`);
    step.state = "running";
    step.dueMonoUs = data.deadlineMonoUs;
    step.late = false;
  }

  #isWanted(id: string): boolean | "fault" {
    const wanted = this.#wanted.get(id) ?? true;
    if (typeof wanted !== "object") return wanted;
    const outputs = this.#outputs.get(wanted.step);
    return typeof outputs === "object" && outputs !== null && "n" in outputs && Number(outputs.n) > 50;
  }

  #skipped(step: MirrorStep, reason: string): void {
    const { id } = step.step;
    must(step.state === "open" || step.state === "backoff", `${id} is passed over, and is ${step.state}`);
    const stops = this.winding || this.phaseFailed;
    if (reason === "condition")
      must(this.#isWanted(id) === false, `${id} is passed over, and its condition does not say so`);
    else if (reason === "needs_not_met")
      must(
        step.step.needs.some(
          (need) => !["succeeded", "open", "running", "backoff"].includes(this.steps.get(need)?.state ?? ""),
        ),
        `${id} is passed over, and what it needs has not failed`,
      );
    else must(stops, `${id} is passed over, and nothing stops`);
    step.state = reason === "condition" ? "waived" : "failed";
    this.#settle(step);
  }

  #ends(step: MirrorStep, record: Extract<Recorded, { readonly type: `step.${string}` }>): void {
    const { id, retry } = step.step;
    const unbegun = record.type === "step.errored" && step.state === "open";
    must(step.state === "running" || unbegun, `${record.type} of ${id}, which is ${step.state}`);
    must(!this.#settled.has(`${id}/${step.attempt}`), `${id} has two outcomes of attempt ${step.attempt}`);
    this.#settled.add(`${id}/${step.attempt}`);
    if (record.type === "step.succeeded" || record.type === "step.check_failed")
      this.#outputs.set(id, record.data.outputs);
    if (record.type === "step.in_doubt" && this.stopping === "no") this.stopping = "doubt";
    const again = retry.attempts > step.attempt && this.#isTriedAgain(step, record);
    if (!again) {
      step.state = record.type === "step.succeeded" ? "succeeded" : "failed";
      return this.#settle(step);
    }
    step.attempt += 1;
    step.state = "backoff";
  }

  #isTriedAgain({ step, late, state }: MirrorStep, record: Recorded): boolean {
    const { on } = step.retry;
    if (record.type === "step.errored")
      return (
        state === "running" && !late && !this.#isToldToStop() && on.some((each) => each === record.data.error.class)
      );
    return record.type === "step.stopped" && late && !this.#isToldToStop() && on.includes("timeout");
  }

  #isToldToStop(): boolean {
    return this.winding || (this.phaseFailed && this.phase?.onFailure === "stop");
  }

  #settle({ step, state }: MirrorStep): void {
    if (step.required && state === "failed") this.phaseFailed = true;
  }
}
