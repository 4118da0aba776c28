import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plan } from "../../src/drills/plan.ts";
import type { JournalRecord } from "../../src/drills/run-event.ts";
import { foldRun } from "../../src/engine/fold-run.ts";
import { outstanding } from "../../src/machines/run-chart.ts";

export const GOLDEN = join(import.meta.dirname, "../golden/journals");

/** `<version>/<name>` of every journal that is kept. */
export function goldenJournals(): readonly string[] {
  return readdirSync(GOLDEN).flatMap((version) =>
    readdirSync(join(GOLDEN, version)).map((name) => `${version}/${name}`),
  );
}

export async function goldenFile(name: string, file: string): Promise<Buffer> {
  return readFile(join(GOLDEN, name, file));
}

/** All that the engine would know of a run if it took it over after these records: charts, memory, and what it still owes. */
export function stateOf(plan: Plan, records: readonly JournalRecord[]): object {
  const { state, memory } = foldRun(plan, records);
  const { last, fenced, ledger, attempts, retries, ...rest } = memory;
  return {
    phase: state.phase,
    stopReason: state.stopReason,
    steps: [...state.steps.values()].map((step) => [
      step.id,
      step.state,
      step.attempt,
      step.skipReason,
      step.remaining,
    ]),
    owes: outstanding(state),
    memory: {
      ...rest,
      last: last?.seq ?? null,
      fenced: [...fenced],
      ledger: [...ledger.values()],
      attempts: [...attempts],
      retries: [...retries],
    },
  };
}
