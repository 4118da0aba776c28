/**
 * A run's records on their way: cleaned of secrets, written, folded, shown.
 *
 * Owns: the order in which a record is redacted, chained, folded into chart and memory, and shown to observers.
 * Does not: decide what to record (run-loop.ts, step-context.ts), or make it durable (journal-writer.ts).
 *
 * Invariants
 *  R1  No known secret reaches the journal: every record is redacted before it is sealed.
 *  R2  What is folded is what was written, as JSON gives it back; so a fold of the file gives the same state.
 *  R3  Observers hear of durable records only, in order, and cannot disturb the run.
 */
import type { ChartEvent, Recorded, RunEvent } from "../drills/run-event.ts";
import type { Action } from "../machines/run-chart.ts";
import { advance, type RunState } from "../machines/run-chart.ts";
import type { JsonValue } from "../support/json.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { recorded } from "./journal/journal-record.ts";
import type { Durability, JournalWriter } from "./journal/journal-writer.ts";
import { remember, type RunMemory } from "./run-memory.ts";

export interface RunLog {
  /** Records and folds; the actions are the charts' answer. Throws `JOURNAL_FAILED`, `JOURNAL_VALUE`. */
  record(event: RunEvent): { readonly actions: readonly Action[]; readonly durable: Promise<Durability> };
  /** Resolves when everything recorded so far is durable. */
  flush(): Promise<void>;
  /** Resolves when the journal fails. */
  readonly failed: Promise<Error>;
  /** Whether the disk is full: only what ends the run may be recorded from now on. */
  isFull(): boolean;
  /** Resolves when it becomes so. */
  readonly filled: Promise<void>;
  /** All records, in order. */
  readonly records: readonly Recorded[];
}

export function runLog(
  writer: JournalWriter,
  run: { readonly state: RunState; readonly memory: RunMemory; readonly records: Recorded[] },
  deps: Pick<EngineDeps, "redactor" | "observers" | "log">,
): RunLog {
  return {
    record(event) {
      const appended = writer.append(cleaned(event, deps)); // R1
      const record = recorded(appended.record); // R2
      run.records.push(record);
      remember(run.memory, record);
      const actions = advance(run.state, asChartEvent(record));
      const durable = appended.durable.then((durability) => {
        show(record, deps);
        return durability;
      });
      // Not every caller waits; whoever flushes hears of the failure.
      durable.catch(() => {});
      return { actions, durable };
    },
    flush: () => writer.flush(),
    failed: writer.failed,
    isFull: () => writer.full,
    filled: writer.filled,
    records: run.records,
  };
}

/** `advance` ignores the types that are notes. */
export function asChartEvent(record: Recorded): ChartEvent {
  return record as ChartEvent;
}

function cleaned(event: RunEvent, deps: Pick<EngineDeps, "redactor">): RunEvent {
  // Through JSON once: drops undefined, unwraps what has toJSON.
  const data = JSON.parse(JSON.stringify(event.data)) as JsonValue;
  // Redaction changes texts only, so the data still belongs to the type.
  return { type: event.type, data: deps.redactor.json(data) } as unknown as RunEvent;
}

function show(record: Recorded, { observers, log }: Pick<EngineDeps, "observers" | "log">): void {
  try {
    observers?.onRecord?.(record); // R3
  } catch (error) {
    log.warn({ error, record: record.type }, "observer_failed");
  }
}
