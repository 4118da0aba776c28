import type { JournalRecord, Recorded } from "../../src/drills/run-event.ts";
import type { RunSession } from "../../src/engine/run-session.ts";
import type { StepContext } from "../../src/engine/step-contract.ts";
import type { JsonObject } from "../../src/support/json.ts";
import { recordOf, verifiedLines } from "./journal-lines.ts";
import { Mirror } from "./mirror.ts";
import { Obligations } from "./obligations.ts";
import { limitsForSimulation } from "./sim-limits.ts";
import type { SimPlan } from "./sim-plan.ts";
import type { SimProcess } from "./sim-process.ts";
import type { SimTime } from "./sim-time.ts";
import type { SimWorld } from "./sim-world.ts";
import { must, Violation } from "./violation.ts";

/** Of a thing of the simulation. */
export function nameIn(locator: JsonObject | undefined): string {
  const name = locator?.["name"];
  return typeof name === "string" ? name : "nothing";
}

/**
 * Sees what is durable and what is done, and refuses what the first does not allow of the second. What it refuses is kept
 * until the run is looked at: thrown where it is seen it would only be one more failure of a step.
 */
export class Monitor {
  readonly records: Recorded[] = [];
  readonly mirror: Mirror;
  readonly obligations: Obligations;
  /** Of the present owner, once it has one: what it knows and has not made durable yet. */
  session: RunSession | null = null;
  /** Process that found a part of a record at the end of the journal; null: the present one did not. */
  foundTorn: number | null = null;
  readonly #simPlan: SimPlan;
  readonly #world: SimWorld;
  readonly #trace: (text: string) => void;
  #prev: JournalRecord | null = null;
  #bytes = 0;
  #broken: Violation | null = null;
  /** Titles of what must never be planned, texts that must never be recorded. */
  readonly #forbidden = new Set<string>();
  /** Outcomes that an attempt must not get, `type step attempt epoch`. */
  readonly #impossible = new Set<string>();
  /** Whose journal has failed; whose disk is full. */
  readonly #without = new Set<SimProcess>();
  readonly #full = new Set<SimProcess>();
  /** What the guards of each step saw last. */
  readonly #looks = new Map<string, readonly string[]>();
  /** Keys of which a reconcile has said that it did not happen. */
  readonly #cleared = new Set<string>();

  constructor(simPlan: SimPlan, world: SimWorld, time: SimTime, trace: (text: string) => void) {
    this.#simPlan = simPlan;
    this.#world = world;
    this.#trace = trace;
    this.mirror = new Mirror(simPlan.plan, simPlan.wanted);
    this.obligations = new Obligations(this.mirror, time);
  }

  /** Throws the first promise that was broken. */
  check(process: SimProcess | null): void {
    if (this.#broken !== null) throw this.#broken;
    this.obligations.check(process);
  }

  /** The process cannot record anything any more: it ends, and begins nothing. */
  journalFailed(process: SimProcess | null): void {
    if (process === null || this.#without.has(process)) return;
    this.#without.add(process);
    const graceUs = limitsForSimulation.stopGraceMs * 1000;
    this.obligations.owe("the end of an orchestrator whose journal has failed", graceUs, () => !process.alive);
  }

  /** Nothing new is begun any more: the end of the run is recorded on the reserve. */
  diskFull(process: SimProcess | null): void {
    if (process === null) return;
    this.#full.add(process);
    const ends = (): boolean => !process.alive || this.mirror.cleanupBegun || this.mirror.halted;
    this.obligations.owe("the halt of a run whose disk is full", 0, ends);
  }

  #requireRoom(process: SimProcess, what: string): void {
    must(!this.#without.has(process), `${what} after the journal has failed`);
    must(!this.#full.has(process), `${what} after the disk was full`);
  }

  refuse(promise: string): void {
    this.#broken ??= new Violation(promise);
    this.#trace(`VIOLATION ${promise}`);
  }

  /** The journal's file holds this durably. Only more than before, and only whole records more. */
  synced(durable: Buffer, process: SimProcess | null): void {
    this.#guarded(() => {
      must(durable.length >= this.#bytes, `${this.#bytes - durable.length} durable bytes of the journal are gone`);
      const added = durable.subarray(this.#bytes);
      const whole = added.subarray(0, added.lastIndexOf(0x0a) + 1);
      for (const record of verifiedLines(whole.toString("utf8"), this.#prev)) this.#durable(record, process);
      this.#bytes += whole.length;
    });
  }

  #durable(record: JournalRecord, process: SimProcess | null): void {
    this.#prev = record;
    const recorded = recordOf(record);
    this.#requireTornToldOf(recorded);
    const text = JSON.stringify(record.data);
    this.#trace(`durable ${record.seq} ${record.type} ${text}`);
    must(!this.#isImpossible(recorded), `${record.type} is no outcome of what happened`);
    must(
      record.type !== "step.succeeded" || !text.includes("[redacted]") || this.#isCheck(recorded),
      `record ${record.seq} holds outputs of which a part was taken out`,
    );
    for (const word of this.#forbidden)
      must(!text.includes(word), `record ${record.seq} (${record.type}) holds ${word}`);
    this.records.push(recorded);
    this.mirror.take(recorded);
    this.obligations.hear(recorded, process);
    if (record.type === "resource.destroyed") this.#requireGone(recorded);
  }

  /** A record of which a part was left is told of, right after the take-over. */
  #requireTornToldOf(record: Recorded): void {
    const before = this.records.at(-1);
    if (before?.type !== "run.resumed" || before.data.pid !== this.foundTorn || record.type === "run.resumed") return;
    this.foundTorn = null;
    must(record.type === "deviation" && record.data.code === "JOURNAL_TORN", "a torn record is not told of");
  }

  #isImpossible(record: Recorded): boolean {
    if (!record.type.startsWith("step.") || !("step" in record.data) || !("attempt" in record.data)) return false;
    const { step, attempt } = record.data;
    return this.#impossible.has(`${record.type} ${step} ${attempt} ${record.epoch}`);
  }

  #isCheck(record: Recorded): boolean {
    return "step" in record.data && this.mirror.steps.get(String(record.data.step))?.step.role === "check";
  }

  #requireGone(record: Recorded): void {
    if (record.type !== "resource.destroyed") return;
    const resource = this.mirror.ledger.get(record.data.id)?.resource;
    must(!this.#world.things.has(nameIn(resource?.locator)), `${record.data.id} is recorded as gone, and it is there`);
  }

  /** An effect begins: its intent is durable, and it is its turn. */
  begins(ctx: StepContext, how: "run" | "reconcile", process: SimProcess): void {
    this.#guarded(() => {
      const { stepId, attempt, idempotencyKey } = ctx;
      this.#requireRoom(process, `${stepId} begins`);
      const step = this.mirror.steps.get(stepId);
      this.#trace(`${how} ${stepId} attempt ${attempt} epoch ${ctx.epoch}`);
      must(
        step?.state === "running" && step.attempt === attempt,
        `${how} of ${stepId} begins, and no durable record says so`,
      );
      must(
        this.mirror.epoch === ctx.epoch,
        `${stepId} begins with epoch ${ctx.epoch}; on record is ${this.mirror.epoch}`,
      );
      const winds = this.mirror.phaseFailed && this.mirror.phase?.onFailure === "stop";
      must((this.mirror.stopping === "no" && !winds) || how === "reconcile", `${stepId} begins while the run stops`);
      must(idempotencyKey === `${ctx.runId}/${stepId}/${attempt}`, `${stepId} got the key ${idempotencyKey}`);
      must(!step.late || how === "reconcile", `${stepId} begins after its deadline`);
      const live = this.session?.epoch === ctx.epoch ? this.session.state.steps.get(stepId)?.state : "running";
      must(
        live === "running" || how === "reconcile",
        `${stepId} begins, and is ${live ?? "nothing"} by a record that is on its way`,
      );
      this.#requireHealthy(stepId, ctx.epoch);
      if (step.step.idempotent) must(how === "run", `${stepId} is idempotent and is asked what it did`);
      const marks = this.records.filter((record) => record.type === "mark").length;
      must(ctx.marks().length >= marks, `${stepId} is told of ${ctx.marks().length} marks of ${marks}`);
    });
  }

  /** Before the first strike every stop condition was seen to hold. */
  #requireHealthy(id: string, epoch: number): void {
    const strikes = [...this.mirror.steps.values()].filter(
      ({ step }) => step.effect === "disruptive" && (step.phase === "disaster" || step.phase === "recover"),
    );
    const begun = this.records.filter(
      (record) => record.type === "step.started" && strikes.some(({ step }) => step.id === record.data.step),
    );
    const [first] = begun;
    if (begun.length !== 1 || first?.type !== "step.started" || first.data.step !== id || first.epoch !== epoch) return;
    const views = this.#looks.get(id) ?? [];
    must(
      views.length === this.#simPlan.plan.guardrails.stopWhen.length && views.every((kind) => kind === "holds"),
      `${id} strikes first, and of the stop conditions was seen: ${views.join(", ")}`,
    );
  }

  /** What the guards of a step saw of the stop conditions. */
  looks(id: string, views: readonly string[]): void {
    this.#looks.set(id, views);
  }

  /** The world is changed in a way that must not happen twice. */
  acts(ctx: StepContext, process: SimProcess): void {
    this.#guarded(() => {
      const { stepId, idempotencyKey: key } = ctx;
      this.#requireRoom(process, `${stepId} acts`);
      this.#trace(`ACT ${key} epoch ${ctx.epoch}`);
      must(this.mirror.steps.get(stepId)?.state === "running", `${stepId} acts when it is not at work`);
      must(this.mirror.epoch === ctx.epoch, `${stepId} acts with the stale epoch ${ctx.epoch}`);
      must(!this.#world.hasActed(key), `${key} happens twice`);
      const begun = this.records.findLastIndex((record) => record.type === "step.started" && record.data.key === key);
      const resumed = this.records.findLastIndex((record) => record.type === "run.resumed");
      must(
        resumed < begun || this.#cleared.has(`${key}@${ctx.epoch}`),
        `${key} is done again, and nobody has asked whether it happened`,
      );
      if (this.mirror.steps.get(stepId)?.step.effect === "disruptive") this.#requireConsents(stepId);
    });
  }

  #requireConsents(stepId: string): void {
    const { plan, confirm } = this.#simPlan;
    must(plan.system !== null, `${stepId} disrupts, and the run has no system`);
    if (!["production", "unlabelled"].includes(plan.system.environment)) return;
    const approved = [...this.mirror.steps.values()].some(
      ({ step, state }) => step.uses === "approval" && state === "succeeded",
    );
    must(
      plan.guardrails.allowProduction && approved && confirm === plan.system.name,
      `${stepId} disrupts production without the three consents`,
    );
  }

  reconciled(ctx: StepContext, answer: string): void {
    this.#trace(`reconcile of ${ctx.idempotencyKey} says ${answer}`);
    if (answer === "did_not_happen") this.#cleared.add(`${ctx.idempotencyKey}@${ctx.epoch}`);
  }

  /** What comes from another step, through the journal alone. */
  inputOf(ctx: StepContext, of: string, value: unknown): void {
    this.#guarded(() => {
      const last = this.records.findLast(
        (record) =>
          (record.type === "step.succeeded" || record.type === "step.check_failed") && record.data.step === of,
      );
      const outputs = last !== undefined && "outputs" in last.data ? last.data.outputs : undefined;
      must(
        outputs?.["n"] === value,
        `${ctx.stepId} is given ${String(value)} of ${of}, which gave ${JSON.stringify(outputs?.["n"])}`,
      );
    });
  }

  makes(ctx: StepContext, name: string, process: SimProcess): void {
    this.#guarded(() => {
      this.#requireRoom(process, `${name} is made`);
      this.#trace(`MAKE ${name}`);
      const planned = [...this.mirror.ledger.values()].find(({ resource }) => nameIn(resource.locator) === name);
      must(planned?.state === "open", `${name} is made, and no durable record plans it`);
      must(!ctx.signal.aborted, `${name} is made after ${ctx.stepId} was told to stop`);
    });
  }

  removes(locator: JsonObject, process: SimProcess): void {
    this.#guarded(() => {
      must(!this.#without.has(process), "something is removed after the journal has failed");
      const name = nameIn(locator);
      this.#trace(`REMOVE ${name}`);
      const entry = [...this.mirror.ledger.values()].find(({ resource }) => nameIn(resource.locator) === name);
      must(entry !== undefined && entry.state !== "destroyed", `${name} is removed, and the ledger does not hold it`);
      const early = [...this.mirror.steps.values()].some(({ state }) => state === "running");
      must(this.mirror.cleanupBegun || early, `${name} is removed before cleanup has begun`);
      must(!this.mirror.ended, `${name} is removed after cleanup has ended`);
    });
  }

  /** Its keeper does not answer: it is given up on, and the others have their turn. */
  waitsFor(name: string): void {
    // What a step cannot remove early is left to cleanup.
    if (!this.mirror.cleanupBegun) return;
    const isOpen = (): boolean =>
      [...this.mirror.ledger.values()].some(
        ({ resource, state }) => state === "open" && nameIn(resource.locator) === name,
      );
    this.obligations.owe(
      `an end of the removal of ${name}`,
      limitsForSimulation.resourceMs * 1000,
      () => this.mirror.ended || !isOpen(),
    );
  }

  /** By this process. */
  forbidOutcome(
    { stepId, attempt, epoch }: Pick<StepContext, "stepId" | "attempt" | "epoch">,
    type: Recorded["type"],
  ): void {
    this.#impossible.add(`${type} ${stepId} ${attempt} ${epoch}`);
  }

  /** Of its present attempt. */
  forbidFor(stepId: string, type: Recorded["type"]): void {
    const { epoch } = this.mirror;
    this.forbidOutcome({ stepId, attempt: this.mirror.steps.get(stepId)?.attempt ?? 0, epoch }, type);
  }

  /** The guards of a step are asked: why it is its turn is durable. */
  guards(id: string): void {
    this.#guarded(() => {
      const step = this.mirror.steps.get(id);
      must(step?.step.phase === this.mirror.phase?.name, `the guards of ${id} are asked before its phase is durable`);
      must(step?.state !== "backoff", `the guards of ${id} are asked before its retry is durable`);
      for (const need of step?.step.needs ?? [])
        must(
          this.mirror.steps.get(need)?.state === "succeeded",
          `the guards of ${id} are asked before ${need} has durably succeeded`,
        );
    });
  }

  /** A step was told that this is on record. */
  told(type: Recorded["type"], word: string): void {
    const found = this.records.some((record) => record.type === type && JSON.stringify(record.data).includes(word));
    if (!found) this.refuse(`a step was told that its ${type} is durable, and it is not`);
  }

  forbid(word: string): void {
    this.#forbidden.add(word);
  }

  #guarded(look: () => void): void {
    if (this.#broken !== null) return;
    try {
      look();
    } catch (error) {
      this.refuse(error instanceof Error ? error.message : String(error));
    }
  }
}
