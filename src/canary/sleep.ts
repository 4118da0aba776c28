import type { Clock } from "../support/clock.ts";

/** Timers come up to a millisecond late; below this distance between two slots that would cost every second one. */
const FINE_US = 2000;

/**
 * Resolves at or just after an instant of the monotonic clock, or as soon as one of the signals is aborted. With `fine`
 * intervals the last millisecond is waited for turn by turn of the event loop. Leaves nothing behind on the signals, which live
 * much longer.
 */
export function sleepUntil(
  clock: Clock,
  dueUs: number,
  intervalUs: number,
  wakers: readonly AbortSignal[],
): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    let awake = false;
    const wake = (): void => {
      awake = true;
      clearTimeout(timer);
      for (const waker of wakers) waker.removeEventListener("abort", wake);
      resolve();
    };
    const look = (): void => {
      if (awake) return;
      const leftUs = dueUs - clock.monoUs();
      if (leftUs <= 0) wake();
      else if (intervalUs >= FINE_US) timer = setTimeout(look, Math.ceil(leftUs / 1000));
      else if (leftUs > FINE_US) timer = setTimeout(look, Math.floor(leftUs / 1000) - 1);
      else setImmediate(look);
    };
    for (const waker of wakers) waker.addEventListener("abort", wake);
    if (wakers.some(({ aborted }) => aborted)) wake();
    else look();
  });
}
