import type { Plan } from "../../src/drills/plan.ts";
import type { Recorded } from "../../src/drills/run-event.ts";
import { emptyMemory, remember, type RunMemory } from "../../src/engine/run-memory.ts";
import { asChartEvent } from "../../src/engine/run-log.ts";
import type { RunSession } from "../../src/engine/run-session.ts";
import { advance, compilePlan, createRun, type RunState } from "../../src/machines/run-chart.ts";
import { sorted } from "./journal-lines.ts";
import { must } from "./violation.ts";

/**
 * What the engine holds in memory is the fold of what it has recorded, and what the file holds is a beginning of that.
 * `inFile`: whole records of the file.
 */
export function requireSameState(plan: Plan, { state, memory, log }: RunSession, inFile: readonly Recorded[]): void {
  const { records } = log;
  must(inFile.length <= records.length, "the file holds more records than the engine has recorded");
  const [recorded, read] = [records.slice(0, inFile.length), inFile].map((list) => sorted(list));
  must(recorded === read, "the file holds other records than the engine has recorded");
  const folded = createRun(compilePlan(plan));
  const remembered = emptyMemory();
  for (const record of records) {
    remember(remembered, record);
    advance(folded, asChartEvent(record));
  }
  must(
    inWords(folded) === inWords(state),
    `the charts are not the fold of the records: ${inWords(state)}, not ${inWords(folded)}`,
  );
  must(
    ofMemory(remembered) === ofMemory(memory),
    `memory is not the fold of the records: ${ofMemory(memory)}, not ${ofMemory(remembered)}`,
  );
}

function inWords(state: RunState): string {
  const steps = [...state.steps.values()].map((step) => [
    step.id,
    step.snapshot.value,
    step.snapshot.context,
    step.remaining,
  ]);
  const phases = [...state.phases].map(([name, phase]) => [name, phase.open, phase.failed]);
  return JSON.stringify([state.drill.value, state.drill.context, state.current?.compiled.name ?? null, steps, phases]);
}

function ofMemory(memory: RunMemory): string {
  return JSON.stringify(memory, (_key, value: unknown) => {
    if (value instanceof Map) return [...value];
    return value instanceof Set ? [...value] : value;
  });
}
