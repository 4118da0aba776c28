import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ProbeFold } from "../../../src/canary/probe-fold.ts";
import { nextSlot } from "../../../src/canary/slots.ts";

const HEADER = JSON.stringify({ schemaVersion: "firedrill/probe-log/v1" });

function folded(...lines: readonly string[]): ProbeFold {
  const fold = new ProbeFold();
  fold.begin("prober.1.log");
  for (const line of [HEADER, "w 0 1000000", ...lines]) fold.line(line);
  return fold;
}

const at = (monoUs: number): { monoUs: number; wallUs: number } => ({ monoUs, wallUs: monoUs + 1_000_000 });

test("an outage goes from the first failure that was known to the first acknowledged write", () => {
  const fold = folded(
    "c 90 a:1",
    "p 100 10 20",
    "f 200 - 300 answer_timeout",
    "f 600 - 5 ECONNREFUSED",
    "c 690 b:1",
    "f 700 8 30 25006",
    "p 800 10 25",
    "p 900 10 25",
  );
  const outage = {
    lastGood: at(120),
    firstFailed: at(500),
    lastFailed: at(700),
    firstRead: at(708),
    firstWrite: at(825),
    from: "a:1",
    to: "b:1",
    reason: "answer_timeout",
    failures: 3,
  };
  expect(fold.view()).toEqual({
    probes: 6,
    lastGood: at(925),
    lastRead: at(910),
    outage,
    goodInARow: 2,
    heardAt: at(925),
  });
  expect([fold.failed, fold.outagesInAll, fold.outages]).toEqual([3, 1, [outage]]);
});

test("an outage that lasts has no end, and one before the first good probe no begin", () => {
  expect(folded("f 100 - 5 ECONNREFUSED").view().outage).toMatchObject({
    lastGood: null,
    firstFailed: at(105),
    firstRead: null,
    firstWrite: null,
    from: null,
    to: null,
  });
});

test("a read of the very probe that began the outage does not count as the first after it", () => {
  expect(folded("p 1 1 1", "f 100 5 9 25006").view()).toMatchObject({ outage: { firstRead: null }, lastRead: at(105) });
});

test("a line of silence moves only the time it was last heard of", () => {
  const fold = folded("p 100 10 20");
  const before = fold.view();
  fold.line("h 5000");
  expect(fold.view()).toEqual({ ...before, heardAt: at(5000) });
});

test.each([
  ["x 1 2", /no letter/u],
  ["p 1 2", /field 4/u],
  ["f 1 - 3", /field 5/u],
])("a line that is none is not used: %s", (line, message) => {
  expect(() => folded(line)).toThrow(message);
});

test("outages are counted as runs of failures, whatever comes in whatever order", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 80 }), (good) => {
      const fold = folded(...good.map((ok, index) => (ok ? `p ${index * 10} 1 2` : `f ${index * 10} - 3 why`)));
      const runs = good.filter((ok, index) => !ok && (index === 0 || good[index - 1] === true)).length;
      expect(fold.outagesInAll).toBe(runs);
      expect(fold.failed).toBe(good.filter((ok) => !ok).length);
      expect(fold.outages.reduce((sum, { failures }) => sum + failures, 0)).toBe(fold.failed);
      const open = fold.outages.filter(({ firstWrite }) => firstWrite === null).length;
      expect(open).toBe(good.at(-1) === false ? 1 : 0);
      expect(fold.view().goodInARow).toBe(good.length - 1 - good.lastIndexOf(false));
    }),
  );
});

test("slots keep the rate, are never in the past, and never come closer than half an interval", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3_000_000 }), fc.double({ min: 0, max: 3, noNaN: true })), {
        minLength: 1,
      }),
      (intervalUs, busy) => {
        let nowUs = 1000;
        let lastBeginUs: number | null = null;
        let begun = 0;
        for (const [tookUs, late] of busy) {
          const dueUs = nextSlot(1000, intervalUs, nowUs, lastBeginUs);
          expect(dueUs).toBeGreaterThanOrEqual(nowUs);
          expect((dueUs - 1000) % intervalUs).toBe(0);
          expect(dueUs - (lastBeginUs ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(intervalUs / 2);
          begun += 1;
          expect(begun).toBeLessThanOrEqual((dueUs - 1000) / intervalUs + 1);
          lastBeginUs = dueUs + Math.floor(late * intervalUs);
          nowUs = lastBeginUs + tookUs;
        }
      },
    ),
  );
});
