import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Fact } from "../../../src/drills/facts.ts";
import { measure } from "../../../src/drills/measure.ts";
import type { RunResult } from "../../../src/drills/result.ts";
import { runResultSchema } from "../../../src/drills/result.ts";
import type { Recorded } from "../../../src/drills/run-event.ts";
import { anyDrill } from "../../support/measure-arbitrary.ts";
import { checkStep } from "../../support/measure-plan.ts";

/** From best to worst, as a person would rank them; not the order of precedence. */
const BADNESS = ["passed", "passed_with_deviations", "inconclusive", "aborted", "failed", "error"];
const badness = (result: RunResult): number => BADNESS.indexOf(result.result);

test("the same journal always gives the same result, also after it was written out and read", () => {
  fc.assert(
    fc.property(anyDrill, ({ plan, journal }) => {
      const once = measure(plan, journal.records);
      // The decode boundary of the test: what was written out is what was there.
      const read = JSON.parse(JSON.stringify(journal.records)) as readonly Recorded[];
      expect(measure(structuredClone(plan), read)).toEqual(once);
      expect(JSON.parse(JSON.stringify(once))).toEqual(once);
    }),
  );
});

test("the verdict's own record changes nothing", () => {
  fc.assert(
    fc.property(anyDrill, ({ plan, journal }) => {
      const before = measure(plan, journal.records);
      journal.after(500).add({ type: "run.finished", data: { result: "passed", exitCode: 0 } });
      expect(measure(plan, journal.records)).toEqual(before);
    }),
  );
});

test("no jump of the wall clock changes a duration, a step or the RTO's verdict", () => {
  const jumps = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: -86_400_000_000, max: 86_400_000_000 })), {
    minLength: 1,
    maxLength: 4,
  });
  // Across a boot the wall clock is all there is, so only journals of one boot can keep this promise.
  fc.assert(
    fc.property(anyDrill, jumps, ({ plan, journal }, at) => {
      fc.pre(new Set(journal.records.map((record) => record.boot)).size === 1);
      const before = measure(plan, journal.records);
      const after = measure(plan, withJumps(journal.records, at));
      expect(after.durations).toEqual(before.durations);
      expect(after.objectives.rto).toEqual(before.objectives.rto);
      expect(after.criticalPath).toEqual(before.criticalPath);
      expect(after.segments).toEqual(before.segments);
      expect(timesOf(after)).toEqual(timesOf(before));
      expect(after.steps.map((step) => step.duration)).toEqual(before.steps.map((step) => step.duration));
    }),
  );
});

/** What the canary's clock alone decides. */
function timesOf({ loss: { lostAcknowledged: lost, replicationLag } }: RunResult): unknown {
  return lost.status === "measured" ? [lost.time, lost.atLeastUs, replicationLag] : [lost, replicationLag];
}

function withJumps(records: readonly Recorded[], jumps: readonly (readonly [number, number])[]): readonly Recorded[] {
  return records.map((record, index) => {
    const shift = jumps.reduce((sum, [at, us]) => (index >= at % records.length ? sum + us : sum), 0);
    const moved = { ...record, wallUs: record.wallUs + shift };
    if (moved.type === "mark") return { ...moved, data: { ...moved.data, wallUs: moved.data.wallUs + shift } };
    return moved.type === "fact"
      ? { ...moved, data: { ...moved.data, fact: withWall(moved.data.fact, shift) } }
      : moved;
  });
}

/** Every instant in a fact, as the other clock would have it. */
function withWall(fact: Fact, shift: number): Fact {
  const text = JSON.stringify(fact, (key, value: unknown) =>
    key === "wallUs" && typeof value === "number" ? value + shift : value,
  );
  // The decode boundary of the test: the same fact, with other wall times.
  return JSON.parse(text) as Fact;
}

test("one more required check that fails never improves a result", () => {
  fc.assert(
    fc.property(anyDrill, fc.nat(), ({ plan, journal }, place) => {
      const before = measure(plan, journal.records);
      const begin = journal.records.findIndex(
        (record) => record.type === "phase.begun" && record.data.phase === "verify",
      );
      fc.pre(begin >= 0);
      const worse = { ...plan, steps: [...plan.steps, checkStep("extra", "verify")] };
      const at = begin + 1 + (place % Math.max(1, journal.records.length - begin));
      const after = measure(worse, withFailure(journal.records, at));
      expect(badness(after)).toBeGreaterThanOrEqual(badness(before));
      expect(["passed", "passed_with_deviations", "inconclusive"]).not.toContain(after.result);
    }),
  );
});

function withFailure(records: readonly Recorded[], at: number): readonly Recorded[] {
  const before = records[at - 1];
  if (before === undefined) return records;
  const { epoch, boot, wallUs, monoUs } = before;
  const where = { epoch, boot, wallUs, monoUs, seq: before.seq + 0.5 };
  const check = { title: "extra", expected: "1", actual: "0", coverage: null };
  return [
    ...records.slice(0, at),
    { ...where, type: "step.started", data: { step: "extra", attempt: 1, key: "extra-1", deadlineMonoUs: 0 } },
    {
      ...where,
      seq: before.seq + 0.6,
      type: "step.check_failed",
      data: { step: "extra", attempt: 1, outputs: {}, check },
    },
    ...records.slice(at),
  ];
}

test("what was not measured is neither a zero nor a pass", () => {
  fc.assert(
    fc.property(anyDrill, ({ plan, journal }) => {
      const result = measure(plan, journal.records);
      const { rto, rpo } = result.objectives;
      const met = [rto, rpo].filter((objective) => objective.verdict === "met");
      expect(
        met.every((each) => each.value.status === "measured" && each.marginUs !== null && each.marginUs >= 0),
      ).toBe(true);
      const { lostAcknowledged: lost, replicationLag: _lag, ...ages } = result.loss;
      const numbers = [
        ...Object.values(result.durations),
        ...result.segments.map(({ duration }) => duration),
        ...Object.values(ages),
        ...(lost.status === "measured" ? [lost.time] : []),
      ];
      expect(numbers.filter((number) => !isHonest(number))).toEqual([]);
      const watched = (result.observed.canary?.newestBeforeT0 ?? null) !== null;
      expect(lost.status !== "measured" || lost.lost > 0 || watched).toBe(true);
    }),
  );
});

/** Either a reason and no number, or a number inside its bounds. */
function isHonest(number: RunResult["durations"]["run"] | RunResult["loss"]["newestSurvivorAge"]): boolean {
  if (number.status !== "measured") return !("valueUs" in number) && number.reason !== "";
  return 0 <= number.loUs && number.loUs <= number.valueUs && number.valueUs <= number.hiUs;
}

test("a pass stands on met objectives, passed checks and a verified cleanup, whatever else happened", () => {
  fc.assert(
    fc.property(anyDrill, ({ plan, journal }) => {
      const result = measure(plan, journal.records);
      const { rto, rpo } = result.objectives;
      const required = result.checks.filter((check) => check.required && !check.waived);
      const sound =
        [rto, rpo].every((objective) => objective.verdict === "met" || objective.verdict === "not_set") &&
        required.every((check) => check.status === "passed") &&
        required.some((check) => check.phase === "verify") &&
        (result.cleanup.status === "verified" || result.cleanup.status === "nothing_created");
      expect(sound || badness(result) > 1).toBe(true);
    }),
    { numRuns: 400 },
  );
});

test("every prefix of a journal can be measured, is valid, and passes only when the drill is over", () => {
  fc.assert(
    fc.property(anyDrill, ({ plan, journal }) => {
      for (const records of prefixes(journal.records)) {
        const result = measure(plan, records);
        const over = records.some((record) => record.type === "cleanup.finished");
        expect(over || badness(result) > 1).toBe(true);
        expect(runResultSchema.safeParse(result).error).toBeUndefined();
      }
    }),
    { numRuns: 25 },
  );
});

test("an RTO once missed is never met as the journal goes on", () => {
  fc.assert(
    fc.property(anyDrill, ({ plan, journal }) => {
      const verdicts = prefixes(journal.records).map((records) => measure(plan, records).objectives.rto.verdict);
      const missed = verdicts.indexOf("missed");
      expect(missed >= 0 && verdicts.indexOf("met", missed) >= 0).toBe(false);
    }),
    { numRuns: 25 },
  );
});

const prefixes = (records: readonly Recorded[]): readonly (readonly Recorded[])[] =>
  records.map((_, index) => records.slice(0, index + 1));
