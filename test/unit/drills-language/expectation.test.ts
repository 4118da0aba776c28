import { describe, expect, test } from "vitest";
import { meets, parseExpectation } from "../../../src/drills/expectation.ts";
import type { JsonValue } from "../../../src/support/json.ts";

function judge(text: string, actual: JsonValue | bigint): boolean {
  const expectation = parseExpectation(text);
  if (expectation.kind === "error") throw new Error(expectation.message);
  return meets(expectation, actual);
}

describe("a value meets what is expected of it", () => {
  test.each<[string, JsonValue | bigint, boolean]>([
    ["> 0", 1, true],
    ["> 0", 0, false],
    ["> 0", "1", true],
    [">= 2.50", "2.5", true],
    ["< 1e3", "999.999", true],
    ["<= -1", "-1.0", true],
    ["== 42", "42", true],
    ["42", 42, true],
    ["42", 42n, true],
    ["!= 42", 41, true],
    ["== 9007199254740993", "9007199254740992", false],
    ["== 9007199254740993", "9007199254740993", true],
    ["> 0.1", "0.10000000000000000000001", true],
    ["== 0.3", 0.1 + 0.2, false],
    ["between 1 and 10", "10", true],
    ["between 1 and 10", "10.0001", false],
    ["between 'a' and 'c'", "b", true],
    ["in [1, 2, 3]", "2", true],
    ["in ['open', 'paid']", "void", false],
    ["in [null, 0]", null, true],
    ["'open'", "open", true],
    ['"it\'s"', "it's", true],
    ["!= 'open'", "paid", true],
    ["true", true, true],
    ["true", "t", true],
    ["false", "t", false],
    ["!= true", false, true],
    ["null", null, true],
    ["!= null", 0, true],
    ["matches /^v[0-9]+(\\.[0-9]+)*$/", "v15.4", true],
    ["matches /^v/", "15", false],
    ["matches /a\\/b/", "a/b", true],
  ])("%s of %s is %s", (text, actual, expected) => {
    expect(judge(text, actual)).toBe(expected);
  });
});

describe("what cannot be compared is no pass, whatever the operator", () => {
  test.each<[string, JsonValue]>([
    ["> 0", null],
    ["!= 0", null],
    ["!= 0", "NaN"],
    ["> 0", "Infinity"],
    ["== 0", ""],
    ["!= 5", "five"],
    ["== true", 1],
    ["!= 'a'", null],
    ["== 1", true],
    ["!= 1", [1]],
    ["matches /x/", null],
  ])("%s of %s", (text, actual) => {
    expect(judge(text, actual)).toBe(false);
  });
});

describe("what is not in the grammar is an error with a hint", () => {
  test.each([
    "",
    "  ",
    ">",
    "> >",
    "> 0 0",
    "open",
    "=> 1",
    "= 1",
    "> true",
    "> null",
    "between 1",
    "between 1 or 2",
    "in 1",
    "in []",
    "in [1,]",
    "in [1 2]",
    "'open",
    "1,000",
    "0x1F",
    "1 2",
    "5m",
    "> 5m",
    "matches x",
    "matches /(/",
    "matches /(?<=a)b/",
    "matches /\\1/",
    "$(rm)",
    "> 1e99999",
  ])("%s", (text) => {
    expect(parseExpectation(text)).toMatchObject({ kind: "error", hint: expect.stringContaining("> 0") as string });
  });
});

test("a pattern that would take a backtracking engine years is answered at once", () => {
  const started = performance.now();
  expect(judge("matches /^(a+)+(a*)*(a|a)*$/", `${"a".repeat(15_000)}b`)).toBe(false);
  expect(performance.now() - started).toBeLessThan(5000);
});
