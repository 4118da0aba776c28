/**
 * What the engine itself costs for a step that does nothing: with every record synced to disk, and with the journal in
 * memory. Run: `node bench/engine.ts [steps...]`.
 */
import { executeRun } from "../src/engine/execute-run.ts";
import type { EngineDeps } from "../src/engine/engine-deps.ts";
import { engineBench, requestFor } from "../test/support/engine-bench.ts";
import { memoryJournal } from "../test/support/engine-memory-journal.ts";
import { planOf } from "../test/support/engine-plan.ts";

const IN_MEMORY: Partial<EngineDeps> = { openJournal: () => Promise.resolve(memoryJournal()) };

const counts = process.argv.slice(2).map(Number);
for (const steps of counts.length > 0 ? counts : [1000, 5000]) {
  await report(steps, "fdatasync", {});
  await report(steps, "memory", IN_MEMORY);
}

async function report(steps: number, journal: string, deps: Partial<EngineDeps>): Promise<void> {
  await using bench = await engineBench({ deps });
  const plan = planOf(Array.from({ length: steps }, (_, index) => ({ id: `step-${index}` })));
  const began = performance.now();
  const { result } = await executeRun(requestFor(plan), bench.deps);
  const tookMs = performance.now() - began;
  const perStepUs = Math.round((tookMs * 1000) / steps);
  console.log(
    `${steps} no-op steps, ${journal.padEnd(9)}: ${Math.round(tookMs)} ms, ${perStepUs} us a step (${result.result})`,
  );
}
