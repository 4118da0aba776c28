import type { Clock } from "../support/clock.ts";

/** Wakes somebody at a monotonic instant. Tests drive a clock of their own. */
export interface Timers {
  /** Calls once at or after `monoUs`; the function given back takes the call off. */
  at(monoUs: number, call: () => void): () => void;
}

/** `setTimeout` holds 2^31 - 1 ms at most; longer waits are made of several. */
const LONGEST_MS = 2_000_000_000;

export function systemTimers(clock: Clock): Timers {
  return {
    at(monoUs, call) {
      const leftMs = (): number => Math.ceil((monoUs - clock.monoUs()) / 1000);
      const wake = (): void => {
        if (leftMs() <= 0) call();
        else handle = setTimeout(wake, Math.min(leftMs(), LONGEST_MS));
      };
      // An instant that has passed is called soon, never at once: the caller has no way to take it off yet.
      let handle = setTimeout(wake, Math.min(Math.max(leftMs(), 0), LONGEST_MS));
      return () => clearTimeout(handle);
    },
  };
}
