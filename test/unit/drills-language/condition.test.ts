import { describe, expect, test } from "vitest";
import { checkCondition, evaluateCondition } from "../../../src/drills/condition.ts";

const scope = {
  params: { level: "low", count: 5, share: 0.5, flag: true, none: null },
  system: { name: "orders", tier: 1, tags: { region: "eu" } },
  steps: { "verify-sql": { outputs: { rows: 3 } }, restore: { outputs: { files: 12, tables: ["a", "b"] } } },
  run: { id: "r1" },
};

describe("a condition is worked out over params, system, steps and run", () => {
  test.each([
    ["params.level == 'low'", true],
    ["params.count > 4 && params.count % 2 == 1", true],
    ["params.count == 5.0 && params.share < 1", true],
    ["params.flag && !(system.tier > 1)", true],
    ["params.none == null", true],
    ['steps["verify-sql"].outputs.rows == 3', true],
    ["steps.restore.outputs.tables.exists(t, t == 'b')", true],
    ["size(steps.restore.outputs.tables) == 3", false],
    ["has(system.tags.region) && system.tags.region in ['eu', 'us']", true],
    ["has(system.tags.zone)", false],
    ["params.level.startsWith('hi') ? true : false", false],
  ])("%s", (text, value) => {
    expect(evaluateCondition(text, scope)).toEqual({ kind: "value", value });
  });
});

test("expect: sees the step's own outputs, when: does not", () => {
  expect(evaluateCondition("outputs.rows > 0", { ...scope, outputs: { rows: 1 } })).toEqual({
    kind: "value",
    value: true,
  });
  expect(evaluateCondition("outputs.rows > 0", scope).kind).toBe("error");
});

describe("what cannot be worked out is an error, never a guess", () => {
  test.each([
    "params.missing == 1",
    "params.constructor == 1",
    "params.__proto__ == 1",
    "steps.restore.outputs.toString == 1",
    "params.level > 1",
    "params.level",
    "1 +",
    "process.exit(1)",
    "'x'",
    "",
    "steps.restore.outputs.tables[9] == 'a'",
    "1 / 0 == 1",
  ])("%s", (text) => {
    expect(evaluateCondition(text, scope).kind).toBe("error");
  });
});

describe("what could run long is refused before it runs", () => {
  const nested = (depth: number): string => (depth === 0 ? "true" : `[1, 2].all(x${depth}, ${nested(depth - 1)})`);
  test.each([
    ["a macro in a macro", nested(2)],
    ["a regular expression", "params.level.matches('(a+)+b')"],
    ["mapping", "[1].map(x, [x, x]).size() == 1"],
    ["binding", "cel.bind(x, 'a', x + x == 'aa')"],
    ["joining", "['a'].join(',') == 'a'"],
    ["splitting", "'a'.split('').size() == 1"],
    ["many operands", Array.from({ length: 600 }, () => "true").join(" && ")],
    ["deep brackets", `${"(".repeat(400)}true${")".repeat(400)}`],
    ["a long text", `'${"x".repeat(3000)}' == ''`],
  ])("%s", (_, text) => {
    expect(checkCondition(text, "when").kind).toBe("error");
    expect(evaluateCondition(text, scope).kind).toBe("error");
  });
});

test("a condition says which names it reads, but not those of its own variables", () => {
  const checked = checkCondition("steps.restore.outputs.tables.all(t, t != params.level)", "when");
  expect(checked).toMatchObject({
    references: [{ path: ["steps", "restore", "outputs", "tables"] }, { path: ["params", "level"] }],
  });
});

test("a hint names the quoting that a hyphen needs", () => {
  expect(checkCondition("steps.verify-sql.outputs.rows > 0", "when")).toMatchObject({
    hint: 'a name with a hyphen is written steps["the-name"]',
  });
});
