/**
 * Time comes in through this port. Monotonic time measures, wall time dates (style rule 10).
 * All values are integer microseconds.
 */
export interface Clock {
  /** CLOCK_MONOTONIC, comparable between processes of one boot. */
  monoUs(): number;
  /** Microseconds since the Unix epoch, UTC. */
  wallUs(): number;
  /** Identity of this boot of the machine (`/proc/sys/kernel/random/boot_id`). */
  readonly bootId: string;
}

/** One instant as both clocks saw it. */
export interface Instant {
  readonly wallUs: number;
  readonly monoUs: number;
}

export function instant(clock: Clock): Instant {
  return { wallUs: clock.wallUs(), monoUs: clock.monoUs() };
}
