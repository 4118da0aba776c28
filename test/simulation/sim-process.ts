import type { Timers } from "../../src/engine/timers.ts";
import type { Clock } from "../../src/support/clock.ts";
import type { Chance } from "./chance.ts";
import type { SimMachine } from "./sim-time.ts";

export type Death = "killed" | "power cut";

/** What the process has asked of the outside and has no answer of yet. */
interface Flight {
  /** What the outside does of it when nobody waits any more. */
  readonly abandoned: () => void;
}

/**
 * One life of an orchestrator. Everything the engine does to the outside goes through it: after its death nothing of that
 * reaches the outside and nothing is answered, so that what is left of the engine in memory can do no harm.
 */
export class SimProcess {
  readonly pid: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly bornUs: number;
  death: Death | null = null;
  /** Instants at which it may die, counted; where it does die. */
  ticks = 0;
  dieAt = Number.POSITIVE_INFINITY;
  diedAt = "";
  #stopped = false;
  #held: (() => void)[] = [];
  readonly #flights = new Set<Flight>();
  readonly #machine: SimMachine;
  readonly #chance: Chance;

  constructor(pid: number, machine: SimMachine, chance: Chance) {
    this.pid = pid;
    this.#machine = machine;
    this.#chance = chance;
    this.clock = machine.clock();
    this.bornUs = machine.time.nowUs;
    this.timers = { at: (monoUs, call) => this.#timer(monoUs, call) };
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  get alive(): boolean {
    return this.death === null;
  }

  /** An instant at which a death makes a difference. Afterwards the caller goes on, and reaches nobody. */
  tick(where: string): void {
    if (!this.alive) return;
    this.ticks += 1;
    if (this.ticks >= this.dieAt) this.die(this.#chance.happens(0.3) ? "power cut" : "killed", where);
  }

  die(death: Death, where: string): void {
    if (!this.alive) return;
    this.death = death;
    this.diedAt = where;
    this.#held = [];
    for (const flight of this.#flights) flight.abandoned();
    this.#flights.clear();
  }

  /** As SIGSTOP: the outside goes on, and nothing of it is noticed until `go`. */
  stop(): void {
    this.#stopped = true;
  }

  go(): void {
    this.#stopped = false;
    const held = this.#held;
    this.#held = [];
    for (const call of held) call();
  }

  /** Done on the outside after a while, then answered. Never answered when the process is dead by then. */
  async ask<T>(where: string, delayUs: number, perform: () => T, abandoned: () => void = () => {}): Promise<T> {
    const answer = Promise.withResolvers<T>();
    this.tick(where);
    if (!this.alive) return answer.promise;
    const flight = { abandoned };
    this.#flights.add(flight);
    this.#machine.time.after(delayUs, () => {
      if (!this.#flights.delete(flight)) return;
      const result = attempt(perform);
      this.#deliver(() => {
        if (result.kind === "value") answer.resolve(result.value);
        else answer.reject(result.error);
      });
    });
    return answer.promise;
  }

  #timer(monoUs: number, call: () => void): () => void {
    const late = this.#chance.happens(0.1) ? this.#chance.below(5000) : 0;
    let off = false;
    this.#machine.time.after(monoUs - this.clock.monoUs() + late, () =>
      this.#deliver(() => {
        if (!off) call();
      }),
    );
    return () => {
      off = true;
    };
  }

  #deliver(call: () => void): void {
    if (!this.alive) return;
    if (this.#stopped) this.#held.push(call);
    else call();
  }
}

type Result<T> = { readonly kind: "value"; readonly value: T } | { readonly kind: "error"; readonly error: Error };

function attempt<T>(perform: () => T): Result<T> {
  try {
    return { kind: "value", value: perform() };
  } catch (error) {
    return { kind: "error", error: error instanceof Error ? error : new Error(String(error)) };
  }
}
