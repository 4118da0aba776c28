import { describe, expect, test } from "vitest";
import { analysePlan } from "../../../src/machines/analysis.ts";
import { toStately } from "../../../src/machines/graph/to-stately.ts";
import { compilePlan } from "../../../src/machines/run-chart.ts";
import { planOf, type StepSketch } from "../../support/machines-plan.ts";
import { walk } from "../../support/machines-walk.ts";

const STEPS = 2000;
const ids = Array.from({ length: STEPS }, (_, index) => `s${index}`);
const chain = ids.map((id): StepSketch => ({ id }));
const braid = ids.map((id, index): StepSketch => ({ id, needs: ids.slice(Math.max(0, index - 2), index) }));

describe.each([
  ["one after another", chain],
  ["all at once", ids.map((id): StepSketch => ({ id, needs: [] }))],
  ["as a tree", ids.map((id, index): StepSketch => ({ id, needs: index === 0 ? [] : [`s${(index - 1) >> 1}`] }))],
  ["each needing the two before", braid],
])("a plan of 2,000 steps, %s", (_shape, sketches) => {
  test("is compiled, analysed and walked to its end", () => {
    const plan = planOf({ recover: sketches });
    expect(analysePlan(plan)).toEqual([]);
    const { run } = walk(compilePlan(plan));
    expect(run.phase).toBe("finished");
    expect([...run.steps.values()].every(({ state }) => state === "succeeded")).toBe(true);
  });
});

test("when the first of 2,000 steps fails, all that need it are passed over, one after another", () => {
  const { run } = walk(compilePlan(planOf({ verify: braid })), "s0");
  expect(run.phase).toBe("finished");
  expect([...run.steps.values()].map(({ state }) => state).slice(1)).toEqual(ids.slice(1).map(() => "skipped"));
});

test("2,000 steps are one drill and one chart", () => {
  const { charts, drill } = compilePlan(planOf({ recover: chain }));
  expect(charts.size).toBe(1);
  expect(drill.table.states.map(({ name }) => name)).toEqual(["idle", "recover", "stopping", "cleanup", "finished"]);
});

test("2,000 steps can be drawn", () => {
  expect(JSON.stringify(toStately(planOf({ recover: chain }))).length).toBeGreaterThan(STEPS);
});
