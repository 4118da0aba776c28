/** Told apart from any value by its identity. */
export const TIMED_OUT = Symbol("timed out");

/**
 * What the promise gives, or `TIMED_OUT`. When the time is over, what the sockets hold by then is still looked at once: a
 * stall of this process (stopped, starved of CPU) must not look as if the other side had been silent.
 */
export async function within<T>(work: Promise<T>, timeoutUs: number): Promise<T | typeof TIMED_OUT> {
  const { promise, resolve } = Promise.withResolvers<typeof TIMED_OUT>();
  const timer = setTimeout(() => setImmediate(() => setImmediate(resolve, TIMED_OUT)), Math.ceil(timeoutUs / 1000));
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
