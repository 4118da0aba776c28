import { describe, expect, test } from "vitest";
import { FiredrillError } from "../../../src/support/errors.ts";
import type { JsonValue } from "../../../src/support/json.ts";
import { parseTemplate, resolveTemplates } from "../../../src/drills/template.ts";

const scope = {
  params: { until: "latest", width: 4, none: null },
  system: { name: "orders", endpoints: { replicas: [{ host: "r1" }] } },
  steps: { restore: { outputs: { database: { port: 5432 }, files: 12, text: "${{ params.until }}" } } },
  run: { id: "r1" },
};

describe("a template puts a value in by path", () => {
  test.each<[JsonValue, JsonValue]>([
    ["plain", "plain"],
    ["${{ params.width }}", 4],
    ["${{params.width}}", 4],
    ["${{ params.none }}", null],
    ["${{ steps.restore.outputs.database }}", { port: 5432 }],
    ["${{ system.endpoints.replicas.0.host }}", "r1"],
    ["a ${{ params.width }} b ${{ run.id }}", "a 4 b r1"],
    [{ a: ["${{ params.until }}", 1] }, { a: ["latest", 1] }],
    ["}} $ {{ ${ {{", "}} $ {{ ${ {{"],
  ])("%j", (value, expected) => {
    expect(resolveTemplates(value, scope)).toEqual(expected);
  });
});

test("what was put in is not read again", () => {
  expect(resolveTemplates("${{ steps.restore.outputs.text }}", scope)).toBe("${{ params.until }}");
});

describe("only own properties are there", () => {
  test.each([
    "params.toString",
    "params.constructor",
    "params.__proto__",
    "params.until.length",
    "steps.restore.outputs.database.hasOwnProperty",
    "system.endpoints.replicas.length",
    "system.endpoints.replicas.1",
    "steps.missing.outputs",
    "env.HOME",
    "constructor.prototype",
  ])("%s", (path) => {
    expect(() => resolveTemplates(`\${{ ${path} }}`, scope)).toThrow(
      expect.objectContaining({ code: "TEMPLATE_UNRESOLVED" }),
    );
  });
});

test("a list, a map or nothing has no place inside a text", () => {
  for (const path of ["steps.restore.outputs.database", "system.endpoints.replicas", "params.none"]) {
    expect(() => resolveTemplates(`x \${{ ${path} }}`, scope)).toThrow(FiredrillError);
  }
});

test.each([
  ["${{ params.a", "TEMPLATE_UNCLOSED"],
  ["${{}}", "TEMPLATE_SYNTAX"],
  ["${{ params..a }}", "TEMPLATE_SYNTAX"],
  ["${{ 1.a }}", "TEMPLATE_SYNTAX"],
  ["${{ params[0] }}", "TEMPLATE_CODE"],
  ["${{ a + b }}", "TEMPLATE_CODE"],
  ["${{ f() }}", "TEMPLATE_CODE"],
  ["${{ params.a | upper }}", "TEMPLATE_CODE"],
  ["${{ ${{ params.a }} }}", "TEMPLATE_CODE"],
])("%s is %s", (text, code) => {
  expect(parseTemplate(text)).toMatchObject({ kind: "error", code });
});

test("a key named __proto__ stays data", () => {
  const value: JsonValue = JSON.parse('{"__proto__": {"polluted": "${{ params.until }}"}}') as JsonValue;
  const resolved = resolveTemplates(value, scope);
  expect(JSON.stringify(resolved)).toBe('{"__proto__":{"polluted":"latest"}}');
  expect(Reflect.get({}, "polluted")).toBeUndefined();
});
