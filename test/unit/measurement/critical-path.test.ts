import { describe, expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import type { RunResult } from "../../../src/drills/result.ts";
import { complete, declared, sandboxed, verified } from "../../support/measure-drill.ts";
import type { JournalBuilder } from "../../support/measure-journal.ts";
import { drillPlan } from "../../support/measure-plan.ts";
import { parallelSteps } from "../../support/measure-report.ts";

const path = (result: RunResult): readonly (readonly [string, number])[] =>
  result.criticalPath.contributions.map(({ step, criticalUs }) => [step, criticalUs / 1000]);

/** sandbox 1 s; fetch 6 s beside dns 2 s; restore 2 s; rows 3 s. T6 is 12 s after T0. */
function parallel(): JournalBuilder {
  const journal = declared()
    .phase("recover")
    .ok("sandbox", 1000)
    .begin("fetch")
    .begin("dns")
    .after(2000)
    .succeed("dns");
  journal.after(4000).succeed("fetch").ok("restore", 2000).phase("verify").pass("rows", 3000);
  return journal.pass("amcheck", 1).cleanup();
}

describe("the critical path", () => {
  test("shares out the whole window, largest first", () => {
    const { criticalPath } = measure(drillPlan(), complete().records);
    expect(criticalPath).toMatchObject({ window: "T0-T6", windowUs: 12_000_000, betweenStepsUs: 0, shrink: null });
    expect(criticalPath.contributions).toEqual([
      { step: "restore", criticalUs: 8_000_000, sharePermille: 667 },
      { step: "rows", criticalUs: 3_000_000, sharePermille: 250 },
      { step: "sandbox", criticalUs: 1_000_000, sharePermille: 83 },
    ]);
  });

  test("leaves out what ran before the clock and what ran beside it", () => {
    const result = measure(drillPlan({ steps: parallelSteps() }), parallel().records);
    expect(path(result)).toEqual([
      ["fetch", 6000],
      ["rows", 3000],
      ["restore", 2000],
      ["sandbox", 1000],
    ]);
    expect(result.steps.find((step) => step.id === "dns")).toMatchObject({ criticalUs: 0 });
  });

  test("begins with the first recovery action by the technical clock", () => {
    const plan = drillPlan({ objectives: { clock: "technical" } });
    const journal = complete(verified().after(0));
    const waited = declared().after(5000);
    expect(measure(plan, journal.records).criticalPath).toMatchObject({ window: "T3-T6", windowUs: 12_000_000 });
    const total = measure(drillPlan(), complete(verified(sandboxed(waited).ok("restore", 8000))).records);
    expect(total.criticalPath).toMatchObject({ windowUs: 17_000_000, betweenStepsUs: 5_000_000 });
  });

  test("is not shared out where T6 was not reached", () => {
    const result = measure(drillPlan(), sandboxed().errors("restore", "subject", 5).cleanup("sb-1").records);
    expect(result.criticalPath).toMatchObject({ windowUs: null, contributions: [], shrink: null });
  });
});

describe("what must shrink for the RTO to be met", () => {
  const missing = (
    rtoMs: number,
    steps = drillPlan().steps,
    journal = complete(),
  ): RunResult["criticalPath"]["shrink"] =>
    measure(drillPlan({ steps, objectives: { rtoMs } }), journal.records).criticalPath.shrink;

  test("one step, where one is enough", () => {
    expect(missing(10_000)).toEqual({
      overrunUs: 2_000_000,
      alone: [
        { step: "restore", byUs: 2_000_000, ofUs: 8_000_000 },
        { step: "rows", byUs: 2_000_000, ofUs: 3_000_000 },
      ],
      together: [],
      enough: true,
    });
  });

  test("several together, where none is enough alone", () => {
    expect(missing(2000)).toEqual({
      overrunUs: 10_000_000,
      alone: [],
      together: [
        { step: "restore", byUs: 8_000_000, ofUs: 8_000_000 },
        { step: "rows", byUs: 2_000_000, ofUs: 3_000_000 },
      ],
      enough: true,
    });
  });

  test("a step beside others gives no more than until those are the longer ones", () => {
    const shrink = missing(7000, parallelSteps(), parallel());
    expect(shrink).toMatchObject({ overrunUs: 5_000_000, alone: [], enough: true });
    expect(shrink?.together).toEqual([
      { step: "fetch", byUs: 4_000_000, ofUs: 6_000_000 },
      { step: "rows", byUs: 1_000_000, ofUs: 3_000_000 },
    ]);
  });

  test("nothing, where the time lies between the steps", () => {
    const journal = complete(verified(sandboxed(declared().after(60_000)).ok("restore", 8000)));
    expect(missing(30_000, drillPlan().steps, journal)).toMatchObject({ overrunUs: 42_000_000, enough: false });
  });
});
