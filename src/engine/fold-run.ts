import type { Plan } from "../drills/plan.ts";
import type { JournalRecord, Recorded } from "../drills/run-event.ts";
import { advance, compilePlan, createRun, type RunState } from "../machines/run-chart.ts";
import { recorded } from "./journal/journal-record.ts";
import { asChartEvent } from "./run-log.ts";
import { emptyMemory, remember, type RunMemory } from "./run-memory.ts";

/** A run as its journal says. */
export interface FoldedRun {
  readonly state: RunState;
  readonly memory: RunMemory;
  readonly records: Recorded[];
}

/** The same function of the records whoever calls it: that is how a run comes back after a crash. */
export function foldRun(plan: Plan, journal: readonly JournalRecord[]): FoldedRun {
  const state = createRun(compilePlan(plan));
  const memory = emptyMemory();
  const records = journal.map((record) => recorded(record));
  for (const record of records) {
    remember(memory, record);
    advance(state, asChartEvent(record));
  }
  return { state, memory, records };
}
