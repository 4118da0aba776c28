import { expect, test } from "vitest";
import { chartsSha256 } from "../../../src/machines/charts-sha256.ts";
import { type CompiledPlan, compilePlan } from "../../../src/machines/compile-plan.ts";
import { planOf } from "../../support/engine-plan.ts";

const compiled = compilePlan(planOf([{ id: "one" }, { id: "two", phase: "verify" }]));

/** The same charts, the drill's table changed. */
function withDrill(
  change: (table: CompiledPlan["drill"]["table"]) => Partial<CompiledPlan["drill"]["table"]>,
): CompiledPlan {
  const { drill } = compiled;
  return { ...compiled, drill: { ...drill, table: { ...drill.table, ...change(drill.table) } } };
}

test("the charts of a plan have one identity, and another word for people is no other chart", () => {
  const told = withDrill(({ edges }) => ({ edges: edges.map((edge) => ({ ...edge, sentence: "Other words." })) }));
  expect(chartsSha256(told)).toBe(chartsSha256(compiled));
});

test("an edge that is missing, leads elsewhere or comes in another order makes other charts", () => {
  const others = [
    withDrill(({ edges }) => ({ edges: edges.slice(1) })),
    withDrill(({ edges }) => ({ edges: edges.toReversed() })),
    withDrill(({ edges }) => ({
      edges: edges.map((edge, index) => (index === 0 ? { ...edge, to: "finished" } : edge)),
    })),
    withDrill(({ states }) => ({ states: states.map((state) => ({ ...state, orders: [] })) })),
    compilePlan(planOf([{ id: "one", effect: "disruptive" }])),
  ];
  expect(new Set([compiled, ...others].map((each) => chartsSha256(each))).size).toBe(others.length + 1);
});
