import type { Recorded, RunEvent } from "../run-event.ts";

export type EventOf<T extends RunEvent["type"]> = Recorded<Extract<RunEvent, { type: T }>>;

/** The records of one type, in journal order. */
export function ofType<T extends RunEvent["type"]>(records: readonly Recorded[], type: T): readonly EventOf<T>[] {
  return records.filter((record): record is EventOf<T> => record.type === type);
}

/**
 * The records a result is computed from: all but those about the result itself and what was shown of it, so that a
 * journal gives the same result before and after `run.finished` is written.
 */
export function withoutVerdict(records: readonly Recorded[]): readonly Recorded[] {
  return records.filter((record) => record.type !== "run.finished");
}

/** End of cleanup, however it ended; undefined while the run is unfinished. */
export function cleanupEnd(records: readonly Recorded[]): Recorded | undefined {
  return records.findLast((record) => record.type === "cleanup.finished" || record.type === "cleanup.deadline_passed");
}

/** First record at which the drill turned to cleaning up: nothing after it recovers or verifies anything. */
export function cleanupBegin(records: readonly Recorded[]): Recorded | undefined {
  return records.find((record) => record.type === "cleanup.begun");
}
