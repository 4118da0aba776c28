import { describe, expect, test } from "vitest";
import { declareStep } from "../../../src/steps/disaster/declare.ts";
import { runStep, stepContext, t0At } from "../../support/checks-context.ts";

describe("disaster/declare", () => {
  test("sets T0 to now, once", async () => {
    const clock = { monoUs: () => 42, wallUs: () => Date.UTC(2026, 0, 2, 3, 4, 5) * 1000 + 6, bootId: "boot" };
    const ctx = stepContext({ clock });
    const result = await runStep(declareStep, { scenario: "rack on fire" }, ctx);
    expect(result).toEqual({ kind: "done", outputs: { at: "2026-01-02 03:04:05.000006 UTC" } });
    expect(ctx.recorded.marks).toEqual([
      { mark: "T0", wallUs: clock.wallUs(), monoUs: 42, source: "orchestrator", resolutionUs: 0, note: "rack on fire" },
    ]);
  });

  test("a second attempt keeps the T0 that is on record", async () => {
    const ctx = stepContext({ marks: [t0At(1_000_000)] });
    expect(await runStep(declareStep, {}, ctx)).toMatchObject({ outputs: { at: "1970-01-01 00:00:01.000000 UTC" } });
    expect(ctx.recorded.marks).toHaveLength(1);
  });
});
