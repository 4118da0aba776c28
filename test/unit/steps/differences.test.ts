import { describe, expect, test } from "vitest";
import { fingerprintDifferences } from "../../../src/steps/postgres/fingerprint-differences.ts";
import type { Fingerprint, SchemaSnapshot, SequenceState } from "../../../src/steps/ports/checks.ts";
import { definitionCount, schemaDifferences } from "../../../src/steps/verify/schema-differences.ts";

const EMPTY: SchemaSnapshot = {
  tables: {},
  columns: {},
  indexes: {},
  constraints: {},
  sequences: {},
  views: {},
  functions: {},
  triggers: {},
  extensions: {},
};
const content = (part: Partial<Fingerprint>): Fingerprint => ({ tables: {}, excluded: {}, sequences: {}, ...part });
const digest = (rows: string, mark: string) => ({ rows, digest: mark.repeat(32) });

describe("differences of definitions", () => {
  test("a table that is missing, or new, is told once and not with its parts", () => {
    const one = {
      ...EMPTY,
      tables: { "s.t": {} },
      columns: { "s.t.id": { type: "int" } },
      constraints: { "s.t.t_pkey": {} },
      triggers: { "s.t.x": {} },
    };
    expect(schemaDifferences(one, EMPTY)).toEqual(["table s.t is missing"]);
    expect(schemaDifferences(EMPTY, one)).toEqual(["table s.t was not there"]);
    expect(definitionCount(one)).toBe(4);
  });

  test("a table whose name begins like another one's keeps its own columns", () => {
    const before = { ...EMPTY, tables: { "s.t": {}, "s.t2": {} }, columns: { "s.t.id": {}, "s.t2.id": {} } };
    const after = { ...EMPTY, tables: { "s.t2": {} }, columns: {} };
    expect(schemaDifferences(before, after)).toEqual(["table s.t is missing", "column s.t2.id is missing"]);
  });

  test("an attribute that only one side has is a difference", () => {
    const before = { ...EMPTY, sequences: { "s.q": { increment: "1" } } };
    const after = { ...EMPTY, sequences: { "s.q": { increment: "1", cache: "9" } } };
    expect(schemaDifferences(before, after)).toEqual(["sequence s.q: cache is 9, was none"]);
  });
});

describe("differences of content", () => {
  test("equal content has none; the order of the tables does not matter", () => {
    const before = content({ tables: { a: digest("1", "0"), b: digest("2", "1") } });
    const after = content({ tables: { b: digest("2", "1"), a: digest("1", "0") } });
    expect(fingerprintDifferences(before, after)).toEqual([]);
  });

  test("a table that can no longer be compared says why", () => {
    const before = content({ tables: { a: digest("1", "0") } });
    expect(fingerprintDifferences(before, content({ excluded: { a: "unlogged table" } }))).toEqual([
      "a cannot be compared: unlogged table",
    ]);
  });

  const state = (last: string | null, increment = "1", cache = "1"): SequenceState => ({
    last,
    start: "1",
    increment,
    cache,
  });
  test.each([
    ["stands still", state("5"), state("5"), true],
    ["recovery took it 32 ahead", state("5"), state("37"), true],
    ["as far as values may be cached besides", state("5", "1", "20"), state("57", "1", "20"), true],
    ["further than recovery explains", state("5"), state("39"), false],
    ["fell back", state("5"), state("4"), false],
    ["was used, now is not", state("5"), state(null), false],
    ["was not used, recovery took it ahead", state(null), state("33"), true],
    ["was not used, now far on", state(null), state("1000"), false],
    ["counts down, moved on", state("-5", "-2"), state("-69", "-2"), true],
    ["counts down, fell back", state("-5", "-2"), state("-3", "-2"), false],
    ["over 2^53", state("9007199254740993"), state("9007199254740992"), false],
  ])("a sequence that %s", (_what, before, after, same) => {
    expect(
      fingerprintDifferences(content({ sequences: { q: before } }), content({ sequences: { q: after } })),
    ).toHaveLength(same ? 0 : 1);
  });
});
