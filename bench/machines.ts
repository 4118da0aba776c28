/**
 * Does the cost of an event grow with the number of steps? Compiles and walks plans of growing size (a chain, and a graph
 * in which each step needs the two before it) and prints, per size: compile time, time per event (best of five walks) and
 * the heap a finished run holds. `node --expose-gc bench/machines.ts` counts the heap after collection.
 *
 * Exits 1 when an event at the largest size costs more than 1.5 times one at 1,000 steps.
 */
import { compilePlan } from "../src/machines/run-chart.ts";
import type { Plan } from "../src/drills/plan.ts";
import { planOf } from "../test/support/machines-plan.ts";
import { walk } from "../test/support/machines-walk.ts";

const SIZES = [10, 100, 1000, 2000, 5000] as const;
const WALKS = 5;
const GROWTH_LIMIT = 1.5;

interface Figures {
  readonly steps: number;
  readonly compileMs: number;
  readonly eventUs: number;
  readonly heapMb: number;
}

const shapes: readonly (readonly [string, (steps: number) => Plan])[] = [
  ["chain", (steps) => planOf({ recover: ids(steps).map((id) => ({ id })) })],
  [
    "graph",
    (steps) => planOf({ recover: ids(steps).map((id, index, all) => ({ id, needs: all.slice(Math.max(0, index - 2), index) })) }),
  ],
];

let worst = 0;
walk(compilePlan(planOf({ recover: ids(2000).map((id) => ({ id })) }))); // the compiler of JavaScript warms up
for (const [name, make] of shapes) {
  const rows = SIZES.map((steps) => measure(make(steps)));
  const base = rows.find(({ steps }) => steps === 1000) ?? rows[0];
  console.log(`\n${name}: steps, compile ms, us per event, of that at 1,000, heap MB`);
  for (const { steps, compileMs, eventUs, heapMb } of rows) {
    const growth = eventUs / (base?.eventUs ?? eventUs);
    if (steps > 1000) worst = Math.max(worst, growth);
    const cells = [compileMs.toFixed(1), eventUs.toFixed(1), `${growth.toFixed(2)}x`, heapMb.toFixed(1)];
    console.log([String(steps), ...cells].map((cell) => cell.padStart(9)).join(" "));
  }
}
console.log(`\nlargest growth beyond 1,000 steps: ${worst.toFixed(2)}x (limit ${GROWTH_LIMIT}x)`);
if (worst > GROWTH_LIMIT) process.exitCode = 1;

function measure(plan: Plan): Figures {
  const begin = performance.now();
  const compiled = compilePlan(plan);
  const compileMs = performance.now() - begin;
  const times = Array.from({ length: WALKS }, () => timeOfEvent(compiled));
  const before = heap();
  const held = walk(compiled);
  const heapMb = (heap() - before) / 1e6;
  if (held.run.phase !== "finished") throw new Error(`the walk ended in ${held.run.phase}`);
  return { steps: plan.steps.length, compileMs, eventUs: Math.min(...times), heapMb };
}

function timeOfEvent(compiled: ReturnType<typeof compilePlan>): number {
  const begin = performance.now();
  const { events } = walk(compiled);
  return ((performance.now() - begin) * 1000) / events;
}

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function ids(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `s${index}`);
}
