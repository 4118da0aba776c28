/**
 * Does the cost of an event grow with the number of steps? Compiles and walks plans of growing size (a chain, and a graph
 * in which each step needs the two before it) and prints, per size: compile time, time per event, its ratio to that at
 * 1,000 steps, and the heap a finished run holds (`node --expose-gc bench/machines.ts`; else not shown). The sizes take
 * turns and each keeps its best round, so that another load on the machine does not show as growth.
 *
 * Exits 1 when an event beyond 1,000 steps costs more than 1.5 times one at 1,000.
 */
import { compilePlan } from "../src/machines/run-chart.ts";
import type { Plan } from "../src/drills/plan.ts";
import { planOf } from "../test/support/machines-plan.ts";
import { walk } from "../test/support/machines-walk.ts";

const SIZES = [10, 100, 1000, 2000, 5000] as const;
const ROUNDS = 12;
const GROWTH_LIMIT = 1.5;

const shapes: readonly (readonly [string, (steps: number) => Plan])[] = [
  ["chain", (steps) => planOf({ recover: ids(steps).map((id) => ({ id })) })],
  [
    "graph",
    (steps) =>
      planOf({
        recover: ids(steps).map((id, index, all) => ({ id, needs: all.slice(Math.max(0, index - 2), index) })),
      }),
  ],
];

let worst = 0;
for (const [name, make] of shapes) {
  const rows = measure(SIZES.map((steps) => make(steps)));
  const base = rows.find(({ steps }) => steps === 1000)?.eventUs ?? Number.NaN;
  console.log(`\n${name}\n    steps compile ms  us/event  to 1,000   heap MB`);
  for (const { steps, compileMs, eventUs, heapMb } of rows) {
    if (steps > 1000) worst = Math.max(worst, eventUs / base);
    const cells = [
      compileMs.toFixed(1),
      eventUs.toFixed(1),
      `${(eventUs / base).toFixed(2)}x`,
      heapMb?.toFixed(1) ?? "-",
    ];
    console.log([String(steps), ...cells].map((cell) => cell.padStart(9)).join(" "));
  }
}
console.log(`\nlargest growth beyond 1,000 steps: ${worst.toFixed(2)}x (limit ${GROWTH_LIMIT}x)`);
if (worst > GROWTH_LIMIT) process.exitCode = 1;

interface Figures {
  readonly steps: number;
  readonly compileMs: number;
  readonly eventUs: number;
  /** Null when the heap cannot be collected first. */
  readonly heapMb: number | null;
}

function measure(plans: readonly Plan[]): readonly Figures[] {
  const all = plans.map((plan) => ({ plan, compileMs: Number.POSITIVE_INFINITY, eventUs: Number.POSITIVE_INFINITY }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const figures of all) {
      const begin = performance.now();
      const compiled = compilePlan(figures.plan);
      const middle = performance.now();
      const { events } = walk(compiled);
      figures.compileMs = Math.min(figures.compileMs, middle - begin);
      figures.eventUs = Math.min(figures.eventUs, ((performance.now() - middle) * 1000) / events);
    }
  }
  return all.map(({ plan, ...figures }) => ({ steps: plan.steps.length, ...figures, heapMb: heapOf(plan) }));
}

function heapOf(plan: Plan): number | null {
  if (globalThis.gc === undefined) return null;
  const compiled = compilePlan(plan);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  const held = walk(compiled);
  globalThis.gc();
  const bytes = process.memoryUsage().heapUsed - before;
  if (held.run.phase !== "finished") throw new Error(`the walk ended in ${held.run.phase}`);
  return bytes / 1e6;
}

function ids(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `s${index}`);
}
