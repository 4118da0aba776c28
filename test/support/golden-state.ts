import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plan } from "../../src/drills/plan.ts";
import type { JournalRecord } from "../../src/drills/run-event.ts";
import { foldRun } from "../../src/engine/fold-run.ts";
import { outstandingResources } from "../../src/engine/run-memory.ts";
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

/**
 * What the engine would know of a run if it took it over after these records: charts, what it still owes, and what its memory says, named one
 * by one: how the engine keeps it is its own affair, and may change.
 */
export function stateOf(plan: Plan, records: readonly JournalRecord[]): object {
  const { state, memory } = foldRun(plan, records);
  const { phase } = memory;
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
    started: memory.started,
    finished: memory.finished,
    last: memory.last?.seq ?? null,
    epoch: memory.epoch,
    halted: memory.halted,
    cleanupBegun: memory.cleanupBegun,
    phaseDeadline: phase === null ? null : [phase.phase, phase.deadlineMonoUs],
    attempts: [...memory.attempts].map(([step, { attempt, key, deadlineMonoUs }]) => [
      step,
      attempt,
      key,
      deadlineMonoUs,
    ]),
    retries: [...memory.retries].map(([step, { attempt, dueMonoUs }]) => [step, attempt, dueMonoUs]),
    ledger: [...memory.ledger.values()].map(({ resource, state: now }) => [
      resource.id,
      resource.kind,
      now,
      resource.locator,
    ]),
    open: outstandingResources(memory).map(({ id }) => id),
    outputs: memory.outputs,
    services: memory.services,
    traffic: memory.traffic,
    replication: memory.replication,
    fenced: [...memory.fenced],
    marks: memory.marks,
  };
}
