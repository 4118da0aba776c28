import { BUFFER_BYTES, type Copied, copyFile, type CopyOrder } from "./copy-file.ts";

/**
 * Orders that several threads take from. All they share is this memory: the next order, whether to stop, and the bytes
 * copied so far.
 */
export interface CopyQueue {
  readonly orders: readonly CopyOrder[];
  readonly shared: SharedArrayBuffer;
}

export interface CopiedOrder extends Copied {
  /** Of `orders`. */
  readonly index: number;
}

const NEXT = 0;
const STOP = 1;
/** In 64-bit words. */
const BYTES = 1;

export function createQueue(orders: readonly CopyOrder[]): CopyQueue {
  return { orders, shared: new SharedArrayBuffer(16) };
}

/** Tells every thread to end after its present buffer. */
export function stopQueue(queue: CopyQueue): void {
  Atomics.store(new Int32Array(queue.shared), STOP, 1);
}

export function copiedBytes(queue: CopyQueue): number {
  return Number(Atomics.load(new BigInt64Array(queue.shared), BYTES));
}

/** Takes orders until none is left or the queue is stopped; an order that was begun when it stopped is not given. */
export function* workOff(queue: CopyQueue): Generator<CopiedOrder> {
  const words = new Int32Array(queue.shared);
  const counters = new BigInt64Array(queue.shared);
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const onBytes = (bytes: number): void => {
    Atomics.add(counters, BYTES, BigInt(bytes));
    if (Atomics.load(words, STOP) === 1) throw STOPPED;
  };
  for (;;) {
    const index = Atomics.add(words, NEXT, 1);
    const order = queue.orders[index];
    if (order === undefined || Atomics.load(words, STOP) === 1) return;
    try {
      yield { index, ...copyFile(order, buffer, onBytes) };
    } catch (error) {
      if (error === STOPPED) return;
      throw error;
    }
  }
}

const STOPPED = new Error("the copy was stopped");
