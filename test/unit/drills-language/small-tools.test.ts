import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson, sha256Hex, sha256OfJson } from "../../../src/support/canonical-json.ts";
import { compareDecimals, parseDecimal } from "../../../src/support/decimal.ts";
import { deepFreeze } from "../../../src/support/deep-freeze.ts";
import { durationMs, formatDuration, MAX_DURATION_MS, parseDuration } from "../../../src/support/duration.ts";
import type { JsonValue } from "../../../src/support/json.ts";
import { compileRegex } from "../../../src/support/linear-regex.ts";
import { printable } from "../../../src/support/printable.ts";
import { suggest, suggestionHint } from "../../../src/support/suggest.ts";

describe("durations", () => {
  test.each([
    ["250ms", 250],
    ["30s", 30_000],
    ["15m", 900_000],
    ["1h30m", 5_400_000],
    ["1d2h3m4s5ms", 93_784_005],
    ["30d", MAX_DURATION_MS],
  ])("%s is %i ms", (text, ms) => {
    expect(parseDuration(text)).toEqual({ kind: "value", ms });
    expect(parseDuration(formatDuration(ms))).toEqual({ kind: "value", ms });
  });

  test.each([
    ["15", "DURATION_NO_UNIT"],
    ["1.5", "DURATION_NO_UNIT"],
    ["0s", "DURATION_ZERO"],
    ["-5m", "DURATION_NEGATIVE"],
    ["31d", "DURATION_TOO_LONG"],
    ["999999999999999d", "DURATION_TOO_LONG"],
    ["", "DURATION_SYNTAX"],
    ["5 m", "DURATION_SYNTAX"],
    ["5M", "DURATION_SYNTAX"],
    ["m", "DURATION_SYNTAX"],
    ["30m1h", "DURATION_SYNTAX"],
    ["1h1h", "DURATION_SYNTAX"],
    ["1.5h", "DURATION_SYNTAX"],
    ["PT5M", "DURATION_SYNTAX"],
    ["5m\n", "DURATION_SYNTAX"],
    ["٣m", "DURATION_SYNTAX"],
  ])("%j is %s", (text, code) => {
    expect(parseDuration(text)).toMatchObject({ kind: "error", code });
  });

  test("every duration is read back as it is printed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_DURATION_MS }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toEqual({ kind: "value", ms });
      }),
    );
  });

  test("zero is a value where it has a meaning", () => {
    expect(durationMs({ zero: true }).parse("0s")).toBe(0);
    expect(durationMs().safeParse("0s").error?.issues[0]?.message).toMatch(/^DURATION_ZERO: /u);
  });
});

describe("canonical JSON", () => {
  test("is the one spelling of RFC 8785", () => {
    expect(canonicalJson({ b: [1e21, -0, 1.5], a: "\u20AC\n", "\uFB33": null })).toBe(
      '{"a":"\u20AC\\n","b":[1e+21,0,1.5],"\uFB33":null}',
    );
  });

  test("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "grapheme" }), fc.integer()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).toReversed());
        expect(sha256OfJson(turned)).toBe(sha256OfJson(value));
      }),
    );
  });

  test("refuses what JSON cannot say", () => {
    for (const value of [Number.NaN, [Number.POSITIVE_INFINITY], { a: "\uD800" }]) {
      expect(() => canonicalJson(value as JsonValue)).toThrow(expect.objectContaining({ code: "NOT_JSON" }));
    }
  });

  test("hashes as sha256sum does", () => {
    expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});

test.each([
  ["timeuot", "timeout"],
  ["maxage", "maxAge"],
  ["need", "needs"],
  ["zzz", undefined],
  ["", undefined],
])("%s suggests %s", (word, expected) => {
  expect(suggest(word, ["timeout", "needs", "maxAge"])).toBe(expected);
});

test("without a near word the hint lists what is known", () => {
  expect(suggestionHint("zzz", ["b", "a"])).toBe("known: a, b");
  expect(suggestionHint("zzz", [])).toBeUndefined();
});

test("printable text has no character that does something", () => {
  expect(printable("a\u001B[2J\u202Eb\u200B")).toBe(String.raw`a\u{1b}[2J\u{202e}b\u{200b}`);
  expect(printable("x".repeat(200)).length).toBeLessThan(100);
});

test("freezing reaches every leaf", () => {
  const value = deepFreeze({ a: [{ b: 1 }] });
  expect(Object.isFrozen(value.a[0])).toBe(true);
});

test("decimals compare as numbers do, and exactly", () => {
  const compare = (left: string, right: string): number | undefined => {
    const [a, b] = [parseDecimal(left), parseDecimal(right)];
    return a === undefined || b === undefined ? undefined : compareDecimals(a, b);
  };
  expect(compare("1.10", "1.1")).toBe(0);
  expect(compare("-2", "1e-3")).toBe(-1);
  expect(compare("123456789012345678901234567890", "123456789012345678901234567889")).toBe(1);
  for (const text of ["", ".", "NaN", "Infinity", "1e9999", "1_000", "0x1", "1 2"])
    expect(parseDecimal(text)).toBeUndefined();
  fc.assert(
    fc.property(fc.integer(), fc.integer(), (a, b) => {
      expect(compare(String(a), String(b))).toBe(Math.sign(a - b) + 0);
    }),
  );
});

describe("patterns without backtracking agree with the language's own", () => {
  const texts = ["", "a", "b", "aa", "ab", "abc", "a1", "A", " a", "a\nb", "v1.2", "aaab", "\u{1F600}"];
  test.each([
    "a",
    "^a",
    "a$",
    "^a$",
    "^$",
    "a*",
    "^a+b",
    "a|b",
    "^(a|b)+$",
    "[abc]",
    "[^a]",
    "[a-z0-9]",
    "^[a-c]{2}$",
    "^a{2,}",
    "^a{1,2}$",
    "a?b",
    "\\d",
    "\\D",
    "\\w+",
    "\\s",
    "^.$",
    "^v\\d+(\\.\\d+)*$",
    "(?:ab|a)c?$",
    "^(a*)*$",
    "[-a]",
    "[a-]",
    "\\.",
    "^(|a)$",
    "()",
  ])("%s", (pattern) => {
    const regex = compileRegex(pattern);
    if (regex.kind === "error") throw new Error(regex.message);
    expect(texts.map((text) => regex.test(text))).toEqual(texts.map((text) => new RegExp(pattern, "u").test(text)));
  });

  test.each([
    "(",
    ")",
    "[",
    "*",
    "a**",
    "(?=a)",
    "(?<n>a)",
    "\\1",
    "\\b",
    "a{3,2}",
    "a{999}",
    "{",
    "((((a{100}){100}){100}){100})",
    "x".repeat(600),
    "(".repeat(30),
  ])("%s is refused", (pattern) => {
    expect(compileRegex(pattern).kind).toBe("error");
  });
});
