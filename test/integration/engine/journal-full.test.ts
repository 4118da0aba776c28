import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRun } from "../../../src/engine/execute-run.ts";
import { engineBench, fakeStep, requestFor, untilStopped } from "../../support/engine-bench.ts";
import { fullDisk } from "../../support/engine-full-disk.ts";
import { planOf } from "../../support/engine-plan.ts";
import type { FullAnswer, FullOrder } from "../../support/journal-full-child.ts";
import { strikePlan } from "../../support/engine-strike.ts";
import { lacksMounts, type SmallDisk, smallDisk } from "../../support/small-disk.ts";

const reason = lacksMounts();
const PAGE = 4096;

const END_OF_A_HALT = [
  "run.halted",
  "step.stopped",
  "cleanup.begun",
  "resource.destroyed",
  "cleanup.finished",
  "run.finished",
];

/** Everything that is written for itself, in order; then the intents. */
const WRITES: readonly (readonly [type: string, count: number])[] = [
  ["run.started", 1],
  ["resource.planned", 1],
  ["resource.created", 1],
  ["step.started", 2],
  ["step.started", 3],
  ["cleanup.begun", 1],
  ["resource.destroyed", 1],
  ["cleanup.finished", 1],
  ["run.finished", 1],
];

describe.skipIf(reason !== undefined)(
  `on a small file system${reason === undefined ? "" : ` (SKIPPED: ${reason})`}`,
  () => {
    let disks: readonly SmallDisk[] = [];
    beforeAll(async () => {
      disks = await Promise.all([smallDisk(), smallDisk()]);
    });
    afterAll(() => Promise.all(disks.map((disk) => disk[Symbol.asyncDispose]())));

    /** Both at work; the orders' own order is kept in the answers. */
    async function askAll(orders: readonly FullOrder[]): Promise<readonly FullAnswer[]> {
      const answers: FullAnswer[] = [];
      const left = [...orders.entries()];
      const work = async (disk: SmallDisk): Promise<void> => {
        for (let next = left.shift(); next !== undefined; next = left.shift())
          answers[next[0]] = await disk.ask(next[1]);
      };
      await Promise.all(disks.map(work));
      return answers;
    }

    /** Orders at which so many bytes of the write fit; `at` is one answer for it, from which the places are reckoned. */
    function ordersAt(order: FullOrder, at: FullAnswer, places: readonly number[]): readonly FullOrder[] {
      const fitted = at.fitted ?? 0;
      return places.map((place) => ({ ...order, padding: order.padding + ((fitted - place + PAGE) % PAGE) }));
    }

    test("full at every byte of the intent to promote: it is on record, nothing is promoted, and all is cleaned up and told", async () => {
      const order: FullOrder = { type: "step.started", count: 2, padding: 0, reserve: true };
      const [at] = await askAll([order]);
      if (at === undefined) throw new Error("one was asked");
      // The write holds the outcome of the step before, and then the intent: each byte of it, and some of the other.
      const places = [...Array(at.wanted).keys()].filter((place) => place > at.wanted / 2 - 20 || place % 16 === 0);
      const answers = await askAll(ordersAt(order, at, places));
      const seen = new Set(answers.map(({ fitted }) => fitted));
      expect(places.filter((place) => !seen.has(place)).length, "times may be a digit longer").toBeLessThan(8);
      const torn = answers.filter(({ fitted, wanted }) => (fitted ?? 0) < wanted);
      expect(torn.length).toBeGreaterThan(300);
      for (const answer of torn) {
        expect(answer).toMatchObject({ end: "aborted 4", rule: "HALTED", deviations: ["JOURNAL_FULL"], promotions: 0 });
        expect(answer).toMatchObject({ torn: 0, resultKept: true, reserveKept: false, things: [], cleaned: [] });
        expect(answer.types.slice(answer.types.indexOf("run.halted"))).toEqual(END_OF_A_HALT);
      }
    });

    test.each(WRITES)("full in the write of %s (the %ith): the end of the run is on record", async (type, count) => {
      const order: FullOrder = { type, count, padding: 0, reserve: true };
      const [at] = await askAll([order]);
      if (at === undefined) throw new Error("one was asked");
      const places = [0, 1, Math.floor(at.wanted / 2), at.wanted - 20];
      // The first write moves with its padding: its place is the begin of the page.
      const answers = await askAll(type === "run.started" ? [order] : ordersAt(order, at, places));
      for (const answer of answers) {
        expect(answer).toMatchObject({
          torn: 0,
          things: [],
          cleaned: [],
          left: [],
          resultKept: true,
          reserveKept: false,
        });
        expect(answer.types.at(-1)).toBe("run.finished");
        expect(answer.promotions).toBe(promotedBefore(type, count));
        expect([answer.end, answer.deviations.includes("JOURNAL_FULL")]).toEqual(endOf(type));
      }
    });

    test("full right behind the last record: the reserve makes room for the result", async () => {
      const order: FullOrder = { type: "run.finished", count: 1, padding: 0, reserve: true };
      const [at] = await askAll([order]);
      if (at === undefined) throw new Error("one was asked");
      const [answer] = await askAll(ordersAt(order, at, [at.wanted + 20]));
      expect(answer).toMatchObject({ end: "passed 0", deviations: [], resultKept: true, reserveKept: false });
    });

    test.each(WRITES)(
      "and without a reserve, in the write of %s (the %ith): nothing more is done; `clean` ends it",
      async (type, count) => {
        const order: FullOrder = { type, count, padding: 0, reserve: false };
        const [at] = await askAll([{ ...order, reserve: true }]);
        if (at === undefined) throw new Error("one was asked");
        const places = [0, 1, Math.floor(at.wanted / 2), at.wanted - 20];
        const answers = await askAll(type === "run.started" ? [order] : ordersAt(order, at, places));
        for (const answer of answers) {
          expect(answer).toMatchObject({ end: "JOURNAL_FAILED", left: [], resultKept: false });
          expect(answer.torn).toBeLessThanOrEqual(answer.fitted ?? 0);
          expect(answer.promotions).toBe(promotedBefore(type, count));
          expect(answer.cleaned).toEqual([type === "run.started" ? "removed" : "finished"]);
        }
      },
    );
  },
);

function promotedBefore(type: string, count: number): number {
  const before = ["run.started", "resource.planned", "resource.created"].includes(type);
  return before || (type === "step.started" && count === 2) ? 0 : 1;
}

/** A run whose last record did not fit has its verdict by then, and one that was cleaning up is stopped in nothing. */
function endOf(type: string): readonly [string, boolean] {
  if (type === "run.finished") return ["passed 0", false];
  if (["resource.destroyed", "cleanup.finished", "cleanup.begun"].includes(type))
    return ["passed_with_deviations 0", true];
  return ["aborted 4", true];
}

test("nothing is begun, not even as an intent, by an outcome that comes after the disk was known to be full", async () => {
  const step = fakeStep("test/busy", (ctx) => {
    void ctx.deviation("TEST", "x".repeat(5000)).catch(() => undefined);
    return { kind: "done", outputs: {} };
  });
  const disk = fullDisk({ bytes: 4000, reserve: 100_000 });
  await using bench = await engineBench({ steps: [step], deps: { openJournal: () => Promise.resolve(disk) } });
  const plan = planOf([{ id: "busy", uses: "test/busy" }, { id: "after" }]);
  const { result } = await (await startRun(requestFor(plan), bench.deps)).outcome;
  expect(result.steps.map(({ outcome }) => outcome)).toEqual(["succeeded", "skipped"]);
  expect(bench.records.filter(({ type }) => type === "step.started")).toHaveLength(1);
});

test("a step that holds a system may not act on it once the disk is full", async () => {
  const asked: string[] = [];
  const step = fakeStep("test/strike", async (ctx) => {
    const ask = (): Promise<void> =>
      ctx.requireCurrent().then(
        () => void asked.push("may act"),
        () => void asked.push("may not act"),
      );
    await ask();
    await ctx.deviation("TEST", "x".repeat(20_000)).catch(() => undefined);
    await ask();
    return untilStopped(ctx);
  });
  const disk = fullDisk({ bytes: 20_000, reserve: 100_000 });
  await using bench = await engineBench({ steps: [step], deps: { openJournal: () => Promise.resolve(disk) } });
  const plan = strikePlan();
  const handle = await startRun(requestFor(plan, plan.system?.name ?? null), bench.deps);
  expect([(await handle.outcome).result.result, asked]).toEqual(["aborted", ["may act", "may not act"]]);
});

test("a step that is at work when the disk is full is told to stop, and what it asks for then is not given", async () => {
  const asked: string[] = [];
  const step = fakeStep("test/busy", async (ctx) => {
    const failing = ctx.ledger.plan({
      kind: "directory",
      title: "x".repeat(5000),
      ttlMs: 1000,
      locator: { name: "x" },
    });
    await failing.then(
      () => asked.push("given"),
      () => asked.push("refused"),
    );
    await ctx.requireCurrent().then(
      () => asked.push("may act"),
      () => asked.push("may not act"),
    );
    return untilStopped(ctx);
  });
  const disk = fullDisk({ bytes: 4000, reserve: 100_000 });
  await using bench = await engineBench({ steps: [step], deps: { openJournal: () => Promise.resolve(disk) } });
  const plan = planOf([{ id: "busy", uses: "test/busy" }, { id: "after" }]);
  const { result } = await (await startRun(requestFor(plan), bench.deps)).outcome;
  expect(asked).toEqual(["refused", "may not act"]);
  expect([result.result, result.rule]).toEqual(["aborted", "HALTED"]);
  expect(result.steps.map(({ outcome }) => outcome)).toEqual(["stopped", "skipped"]);
  // It was planned, so cleanup looked for it.
  expect(result.cleanup.status).toBe("verified");
});
