import type { ChartEvent, Recorded } from "../drills/run-event.ts";
import type { Clock } from "../support/clock.ts";
import type { StartedAttempt } from "./run-memory.ts";
import type { Timers } from "./timers.ts";

/** An instant at which an event is due, in monotonic microseconds. */
export interface Deadline {
  readonly key: string;
  readonly dueMonoUs: number;
  readonly event: ChartEvent;
}

export function phaseDeadline({ phase, deadlineMonoUs }: EventData<"phase.begun">): Deadline {
  return { key: "phase", dueMonoUs: deadlineMonoUs, event: { type: "phase.deadline_passed", data: { phase } } };
}

export function stepDeadline(step: string, { attempt, deadlineMonoUs }: StartedAttempt): Deadline {
  return {
    key: stepKey(step),
    dueMonoUs: deadlineMonoUs,
    event: { type: "step.deadline_passed", data: { step, attempt } },
  };
}

export function stepKey(step: string): string {
  return `step ${step}`;
}

export function retryDeadline({ step, attempt, dueMonoUs }: EventData<"step.retry_scheduled">): Deadline {
  return { key: `retry ${step}`, dueMonoUs, event: { type: "step.retry_due", data: { step, attempt } } };
}

type EventData<T extends ChartEvent["type"]> = Extract<ChartEvent, { readonly type: T }>["data"];

/** The absolute deadlines that are armed in this process: each ends as an event in the inbox, once. */
export class Deadlines {
  readonly #armed = new Map<string, () => void>();
  readonly #timers: Timers;
  readonly #post: (event: ChartEvent) => void;

  constructor(timers: Timers, post: (event: ChartEvent) => void) {
    this.#timers = timers;
    this.#post = post;
  }

  /** A second one of the same key replaces the first. */
  arm({ key, dueMonoUs, event }: Deadline): void {
    this.disarm(key);
    const ring = (): void => {
      this.#armed.delete(key);
      this.#post(event);
    };
    this.#armed.set(key, this.#timers.at(dueMonoUs, ring));
  }

  disarm(key: string): void {
    this.#armed.get(key)?.();
    this.#armed.delete(key);
  }

  disarmAll(): void {
    for (const disarm of this.#armed.values()) disarm();
    this.#armed.clear();
  }
}

/**
 * A deadline of a former process, in the monotonic time of this boot: within the boot in which it was set CLOCK_MONOTONIC
 * went on; in another, what was left at that boot's last record, less the wall time that has passed since.
 */
export function rebased(
  deadlineMonoUs: number,
  last: Pick<Recorded, "boot" | "monoUs" | "wallUs">,
  clock: Clock,
): number {
  if (last.boot === clock.bootId) return deadlineMonoUs;
  const passedUs = Math.max(0, clock.wallUs() - last.wallUs);
  return clock.monoUs() + (deadlineMonoUs - last.monoUs) - passedUs;
}
