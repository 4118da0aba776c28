import { expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import type { PlanStep } from "../../../src/drills/plan.ts";
import { verified } from "../../support/measure-drill.ts";
import { checkStep, drillPlan, planStep, restoreSteps } from "../../support/measure-plan.ts";

function resultWith(extra: PlanStep) {
  const journal = verified().pass("amcheck", 500);
  if (extra.phase !== "verify") journal.phase(extra.phase);
  journal.skip(extra.id, "condition").cleanup("sb-1");
  const { result, deviations } = measure(drillPlan({ steps: [...restoreSteps(), extra] }), journal.records);
  return { result, deviations: deviations.map(({ code }) => code) };
}

const back = planStep("back", "return", { when: "params.switchBack" });

test("an action that a parameter leaves out is no deviation: the plan itself says so", () => {
  expect(resultWith(back)).toEqual({ result: "passed", deviations: [] });
});

test.each([
  ["a check that a parameter leaves out", checkStep("back", "verify", { when: "params.deep" })],
  ["an action that the run left out", { ...back, when: "params.switchBack && steps.rows.outputs.count > 1" }],
])("%s is a deviation", (_, step) => {
  expect(resultWith(step)).toEqual({ result: "passed_with_deviations", deviations: ["STEP_SKIPPED"] });
});
