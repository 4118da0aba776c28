import type { Clock } from "../../src/support/clock.ts";

interface Due {
  readonly atUs: number;
  readonly order: number;
  readonly call: () => void;
  off: boolean;
}

/** The one axis of time of a simulated run, microseconds. It moves from one thing that is due to the next. */
export class SimTime {
  #nowUs = 0;
  #order = 0;
  /** A binary heap: the earliest first, of the same instant the one that was asked for first. */
  readonly #heap: Due[] = [];

  get nowUs(): number {
    return this.#nowUs;
  }

  /** The function given back takes the call off. */
  after(delayUs: number, call: () => void): () => void {
    const due: Due = { atUs: this.#nowUs + Math.max(0, delayUs), order: (this.#order += 1), call, off: false };
    this.#push(due);
    return () => {
      due.off = true;
    };
  }

  /** Goes on to what is due next and does it; false when nothing is. */
  step(): boolean {
    for (let due = this.#pop(); due !== undefined; due = this.#pop()) {
      if (due.off) continue;
      this.#nowUs = Math.max(this.#nowUs, due.atUs);
      due.call();
      return true;
    }
    return false;
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(due, heap[parent])) break;
      swap(heap, at, parent);
      at = parent;
    }
  }

  #pop(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const left = 2 * at + 1;
      const child = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
      if (!isBefore(heap[child], heap[at])) return first;
      swap(heap, at, child);
      at = child;
    }
  }
}

function isBefore(one: Due | undefined, other: Due | undefined): boolean {
  if (one === undefined || other === undefined) return one !== undefined;
  return one.atUs === other.atUs ? one.order < other.order : one.atUs < other.atUs;
}

function swap(heap: Due[], one: number, other: number): void {
  const [a, b] = [heap[one], heap[other]];
  if (a === undefined || b === undefined) return;
  heap[one] = b;
  heap[other] = a;
}

/** The machine: its boots, and a wall clock that may be set. */
export class SimMachine {
  readonly time: SimTime;
  #boot = 1;
  #bootedUs = -1_000_000_000;
  #wallOffsetUs = 1_795_230_900_000_000;
  /** Whether the wall clock was ever set. */
  wallWasSet = false;

  constructor(time: SimTime) {
    this.time = time;
  }

  get boots(): number {
    return this.#boot;
  }

  reboot(): void {
    this.#boot += 1;
    this.#bootedUs = this.time.nowUs - 5_000_000;
  }

  setWall(byUs: number): void {
    this.#wallOffsetUs += byUs;
    this.wallWasSet = true;
  }

  /** As a process that began in this boot sees it. */
  clock(): Clock {
    const bootId = `boot-${this.#boot}`;
    const bootedUs = this.#bootedUs;
    return {
      bootId,
      monoUs: () => this.time.nowUs - bootedUs,
      wallUs: () => this.time.nowUs + this.#wallOffsetUs,
    };
  }
}
