import type { Plan } from "../../src/drills/plan.ts";
import type { Recorded, RunEvent } from "../../src/drills/run-event.ts";
import type { RunHandle } from "../../src/engine/drive-run.ts";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import { startRun } from "../../src/engine/execute-run.ts";
import type { Step } from "../../src/engine/step-contract.ts";
import { type Bench, engineBench, requestFor } from "./engine-bench.ts";
import { FakeTime, passUntilSettled, until } from "./engine-fake-time.ts";
import { memoryJournal } from "./engine-memory-journal.ts";

/** A run on a clock that the test moves, with its journal in memory. */
export interface TimedRun extends AsyncDisposable {
  readonly time: FakeTime;
  readonly bench: Bench;
  readonly handle: RunHandle;
  /** Turns the event loop until a record of this type is there, and gives it. */
  seen<T extends RunEvent["type"]>(type: T): Promise<Extract<Recorded, { readonly type: T }>>;
  types(): readonly string[];
}

export async function timedRun(
  plan: Plan,
  steps: readonly Step[],
  deps: Partial<EngineDeps> = {},
  time = new FakeTime(),
): Promise<TimedRun> {
  const bench = await engineBench({
    time,
    steps,
    deps: { openJournal: () => Promise.resolve(memoryJournal()), ...deps },
  });
  const handle = await startRun(requestFor(plan, plan.system?.name ?? null), bench.deps);
  handle.outcome.catch(() => {});
  return {
    time,
    bench,
    handle,
    async seen(type) {
      await until(() => bench.records.some((record) => record.type === type), type);
      // Just found by its type.
      return bench.records.find((record) => record.type === type) as never;
    },
    types: () => bench.records.map((record) => record.type),
    async [Symbol.asyncDispose]() {
      handle.halt({ by: "halt", reason: "the test is over", who: "tester" });
      await passUntilSettled(time, handle.outcome, 60_000).catch(() => {});
      await bench[Symbol.asyncDispose]();
    },
  };
}
