/** What the ledger says of a marker that was sent. */
export const PENDING = 0;
export const ACKED = 1;
export const UNKNOWN = 2;
export const REFUSED = 3;
export type MarkerState = typeof PENDING | typeof ACKED | typeof UNKNOWN | typeof REFUSED;

/**
 * All markers of one writer: consecutive numbers from `first`. 18 bytes each, so that a million take 18 MB (36 while
 * the arrays grow).
 */
export class Markers {
  readonly writer: number;
  readonly first: number;
  #length = 0;
  #sentUs = new Float64Array(1024);
  #answeredUs = new Float64Array(1024);
  #state = new Uint8Array(1024);
  /** How often it was found, counted up to 2; plus `ALTERED`. */
  #found = new Uint8Array(1024);

  constructor(writer: number, first: number) {
    this.writer = writer;
    this.first = first;
  }

  get length(): number {
    return this.#length;
  }

  /** Number after the last one. */
  get next(): number {
    return this.first + this.#length;
  }

  /** The next number was sent. */
  sent(atUs: number): void {
    if (this.#length === this.#state.length) this.#grow();
    this.#sentUs[this.#length] = atUs;
    this.#length += 1;
  }

  answered(seq: number, state: MarkerState, atUs: number): void {
    const index = seq - this.first;
    this.#state[index] = state;
    this.#answeredUs[index] = atUs;
  }

  has(seq: number): boolean {
    return seq >= this.first && seq < this.next;
  }

  found(seq: number, altered: boolean): void {
    const index = seq - this.first;
    const before = this.#found[index] ?? 0;
    const times = Math.min(2, (before & TIMES) + 1);
    this.#found[index] = times | (before & ALTERED) | (altered ? ALTERED : 0);
  }

  sentUs(index: number): number {
    return this.#sentUs[index] ?? 0;
  }

  answeredUs(index: number): number {
    return this.#answeredUs[index] ?? 0;
  }

  state(index: number): MarkerState {
    // Only `answered` writes here.
    return (this.#state[index] ?? PENDING) as MarkerState;
  }

  timesFound(index: number): number {
    return (this.#found[index] ?? 0) & TIMES;
  }

  isAltered(index: number): boolean {
    return ((this.#found[index] ?? 0) & ALTERED) !== 0;
  }

  #grow(): void {
    const size = this.#state.length * 2;
    this.#sentUs = copied(this.#sentUs, new Float64Array(size));
    this.#answeredUs = copied(this.#answeredUs, new Float64Array(size));
    this.#state = copied(this.#state, new Uint8Array(size));
    this.#found = copied(this.#found, new Uint8Array(size));
  }
}

const TIMES = 3;
const ALTERED = 4;

function copied<A extends Float64Array | Uint8Array>(from: A, into: A): A {
  into.set(from);
  return into;
}
