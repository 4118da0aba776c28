import { expect, test } from "vitest";
import { startRun } from "../../../src/engine/execute-run.ts";
import { engineBench, fakeStep, requestFor } from "../../support/engine-bench.ts";
import { settle, until } from "../../support/engine-fake-time.ts";
import { gatedJournal } from "../../support/engine-gated-journal.ts";
import { planOf } from "../../support/engine-plan.ts";

test("an effect does not begin while the record of its intent is not durable", async () => {
  const journal = gatedJournal();
  let began = false;
  const step = fakeStep("test/effect", () => {
    began = true;
    return { kind: "done", outputs: {} };
  });
  await using bench = await engineBench({ steps: [step], deps: { openJournal: () => Promise.resolve(journal) } });
  journal.hold();
  const { outcome } = await startRun(requestFor(planOf([{ id: "a", uses: "test/effect" }])), bench.deps);
  await until(() => journal.text().includes("step.started"), "the intent is written");
  await settle();
  expect([began, bench.records]).toEqual([false, []]);
  journal.release();
  await outcome;
  expect(began).toBe(true);
});

test("a step may make nothing while the plan of it is not durable", async () => {
  const journal = gatedJournal();
  let made = false;
  const step = fakeStep("test/make", async (ctx) => {
    journal.hold();
    await ctx.ledger.plan({ kind: "directory", title: "thing", ttlMs: 1000, locator: { name: "thing" } });
    made = true;
    return { kind: "done", outputs: {} };
  });
  await using bench = await engineBench({ steps: [step], deps: { openJournal: () => Promise.resolve(journal) } });
  const { outcome } = await startRun(requestFor(planOf([{ id: "a", uses: "test/make" }])), bench.deps);
  await until(() => journal.text().includes("resource.planned"), "the plan is written");
  await settle();
  expect(made).toBe(false);
  journal.release();
  await outcome;
  expect(made).toBe(true);
});

test("a step whose intent and whose stop come in one turn never begins", async () => {
  const journal = gatedJournal();
  const first = Promise.withResolvers<void>();
  const before = Promise.withResolvers<void>();
  let began = false;
  const steps = [
    fakeStep("test/first", () => first.promise.then(() => ({ kind: "done", outputs: {} }))),
    fakeStep("test/before", () => before.promise.then(() => ({ kind: "done", outputs: {} }))),
    fakeStep("test/after", () => {
      began = true;
      return { kind: "done", outputs: {} };
    }),
  ];
  await using bench = await engineBench({ steps, deps: { openJournal: () => Promise.resolve(journal) } });
  const plan = planOf([
    { id: "first", uses: "test/first", needs: [] },
    { id: "before", uses: "test/before", needs: [] },
    { id: "after", uses: "test/after", needs: ["before"] },
  ]);
  const run = await startRun(requestFor(plan), bench.deps);
  await until(() => bench.records.some((record) => record.type === "step.started"), "the steps have begun");
  journal.hold();
  first.resolve();
  await until(() => journal.text().includes("step.succeeded"), "the first step's end is written");
  before.resolve();
  await settle();
  run.halt({ by: "signal", reason: "SIGINT", who: null });
  journal.release();
  await run.outcome;
  const ofAfter = bench.records.filter((record) => "step" in record.data && record.data.step === "after");
  expect(ofAfter.map((record) => record.type)).toEqual(["step.started", "step.stopped"]);
  expect(began).toBe(false);
});
