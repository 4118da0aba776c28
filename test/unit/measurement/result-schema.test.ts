import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import { resultJsonSchema, runResultSchema } from "../../../src/drills/result.ts";
import { anyDrill } from "../../support/measure-arbitrary.ts";
import { complete } from "../../support/measure-drill.ts";
import { drillPlan } from "../../support/measure-plan.ts";

const validate = new Ajv2020({ strict: true, allErrors: true }).compile(resultJsonSchema());

test("every result is valid by the JSON Schema and by the zod schema", () => {
  fc.assert(
    fc.property(anyDrill, ({ plan, journal }) => {
      const result = measure(plan, journal.records);
      expect(validate(result) ? [] : validate.errors).toEqual([]);
      expect(runResultSchema.parse(result)).toEqual(result);
    }),
  );
});

const good = measure(drillPlan(), complete().records);

test.each([
  ["a result by another name", { ...good, result: "ok" }],
  ["an exit code of bad input", { ...good, exitCode: 2 }],
  ["a fraction of a microsecond", { ...good, run: { ...good.run, startedWallUs: 1.5 } }],
  [
    "a duration with a reason and no number",
    { ...good, durations: { ...good.durations, rtaTotal: { status: "measured", reason: "?" } } },
  ],
  ["a field nobody knows", { ...good, remark: "fine" }],
  ["another version", { ...good, schemaVersion: "firedrill/result/v2" }],
])("%s is refused", (_, result) => {
  expect(validate(result)).toBe(false);
});

test("every number in a result is an integer", () => {
  const numbers: number[] = [];
  JSON.stringify(good, (_, value: unknown) => {
    if (typeof value === "number") numbers.push(value);
    return value;
  });
  expect(numbers.length).toBeGreaterThan(50);
  expect(numbers.every(Number.isSafeInteger)).toBe(true);
});
