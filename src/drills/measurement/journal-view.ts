import { APPROVAL_USES } from "../consents.ts";
import type { Plan } from "../plan.ts";
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

/** Where the recovery was over: what the `return` phase does afterwards, a switch back among it, is no part of it. */
export function recoveryEndSeq(records: readonly Recorded[]): number {
  const returned = ofType(records, "phase.begun").find((record) => record.data.phase === "return");
  const end = Number.POSITIVE_INFINITY;
  return Math.min(returned?.seq ?? end, cleanupBegin(records)?.seq ?? end);
}

/** Start of the first step of `recover`: to ask whether to recover is none. */
export function firstActionOf(plan: Plan, records: readonly Recorded[]): EventOf<"step.started"> | undefined {
  const actions = plan.steps.filter(({ phase, uses }) => phase === "recover" && uses !== APPROVAL_USES);
  const ids = new Set(actions.map(({ id }) => id));
  return ofType(records, "step.started").find((record) => ids.has(record.data.step));
}
