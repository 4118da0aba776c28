import type { Clock } from "../support/clock.ts";
import type { CanaryConnection } from "./connection.ts";
import type { Connected } from "./connect-path.ts";
import { sleepUntil } from "./sleep.ts";

/** Between two attempts along the path. */
const RETRY_US = 10_000;

export interface DoorDeps {
  connect(): Promise<Connected>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * All writers of a process go through one door to the service: while it is away only one of them tries, and once that one is in,
 * the others follow at once. N writers knock no more often than one.
 */
export class Door {
  readonly #deps: DoorDeps;
  #last: Promise<void> = Promise.resolve();

  constructor(deps: DoorDeps) {
    this.#deps = deps;
  }

  /** Null: stopped. */
  async enter(failed: (reason: string) => void): Promise<CanaryConnection | null> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      return await this.#knock(failed);
    } finally {
      resolve();
    }
  }

  async #knock(failed: (reason: string) => void): Promise<CanaryConnection | null> {
    const { clock, signal } = this.#deps;
    while (!signal.aborted) {
      const tried = await this.#deps.connect();
      if (tried.kind === "connected") return tried.connection;
      failed(tried.reason);
      await sleepUntil(clock, clock.monoUs() + RETRY_US, RETRY_US, [signal]);
    }
    return null;
  }
}
