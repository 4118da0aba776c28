/** Longest time a timer of the runtime can be set to; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Aborted after the time, like `AbortSignal.timeout`, which fires at once when the time is over 24 days. */
export function deadlineAfter(ms: number): AbortSignal {
  return AbortSignal.timeout(Math.min(ms, LONGEST_MS));
}
