import type { Timers } from "../../src/engine/timers.ts";
import type { Clock } from "../../src/support/clock.ts";

/** A clock that stands still until the test moves it, and timers that ring as it passes them. */
export class FakeTime implements Clock, Timers {
  readonly bootId: string;
  #nowUs: number;
  #wallOffsetUs: number;
  #waiting: { readonly dueUs: number; readonly call: () => void }[] = [];

  constructor(startUs = 1_000_000_000, bootId = "boot-1") {
    this.#nowUs = startUs;
    this.#wallOffsetUs = 1_795_230_900_000_000 - startUs;
    this.bootId = bootId;
  }

  monoUs(): number {
    return this.#nowUs;
  }

  wallUs(): number {
    return this.#nowUs + this.#wallOffsetUs;
  }

  jumpWall(byUs: number): void {
    this.#wallOffsetUs += byUs;
  }

  at(dueUs: number, call: () => void): () => void {
    const timer = { dueUs, call };
    this.#waiting.push(timer);
    return () => {
      this.#waiting = this.#waiting.filter((one) => one !== timer);
    };
  }

  /** Moves on; timers ring in order, each at its own instant, and what they set off gets to run. */
  async pass(milliseconds: number): Promise<void> {
    const endUs = this.#nowUs + milliseconds * 1000;
    for (;;) {
      await settle();
      const next = this.#waiting.toSorted((a, b) => a.dueUs - b.dueUs).find((timer) => timer.dueUs <= endUs);
      if (next === undefined) break;
      this.#waiting = this.#waiting.filter((one) => one !== next);
      this.#nowUs = Math.max(this.#nowUs, next.dueUs);
      next.call();
    }
    this.#nowUs = endUs;
    await settle();
  }
}

/** Lets promises and the file system's answers come in; waits for turns of the event loop, not for time. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Turns the event loop until it is so. Fails after many turns rather than after some time. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let turn = 0; turn < 20_000; turn += 1) {
    if (condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`never came: ${what}`);
}

/** Moves the clock on in steps until the promise is settled, and gives it. */
export async function passUntilSettled<T>(time: FakeTime, promise: Promise<T>, stepMs: number): Promise<T> {
  const progress = { settled: false };
  const end = (): void => {
    progress.settled = true;
  };
  promise.then(end, end);
  while (!progress.settled) await time.pass(stepMs);
  return promise;
}
