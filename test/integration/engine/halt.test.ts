import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PhaseName } from "../../../src/drills/phases.ts";
import { PHASES } from "../../../src/drills/phases.ts";
import { StepError } from "../../../src/drills/step-error.ts";
import { executeRun, startRun } from "../../../src/engine/execute-run.ts";
import { haltAll, haltInForce, haltRun, liftHalt } from "../../../src/engine/halt-runs.ts";
import { engineBench, fakeStep, requestFor, untilStopped } from "../../support/engine-bench.ts";
import { containing } from "../../support/engine-matchers.ts";
import { planOf } from "../../support/engine-plan.ts";
import { until } from "../../support/engine-fake-time.ts";
import { timedRun } from "../../support/engine-timed-run.ts";

const slow = fakeStep("test/slow", async (ctx) => {
  await ctx.ledger.plan({ kind: "directory", title: "made", ttlMs: 1000, locator: { name: "made" } });
  return untilStopped(ctx);
});
const WORDS = { who: "ada", reason: "wrong system" };

describe("a halted run", () => {
  test.each(PHASES)("in %s stops what runs, passes over what waits, and cleans up", async (phase: PhaseName) => {
    const plan = planOf([
      { id: "before", phase: "prepare" },
      { id: "slow", phase, uses: "test/slow" },
      { id: "after", phase },
    ]);
    await using run = await timedRun(plan, [slow]);
    await run.seen("resource.planned");
    run.handle.halt({ by: "signal", reason: "SIGINT", who: null });
    const { result } = await run.handle.outcome;
    expect(result).toMatchObject({ result: "aborted", exitCode: 4 });
    expect(run.types()).toContain("step.stopped");
    expect(run.bench.records.filter((record) => record.type === "step.skipped")).toMatchObject([
      { data: { step: "after", reason: "halted" } },
    ]);
    expect(run.bench.keeper.destroyed).toEqual(["made"]);
  });

  test("between two attempts is not tried again", async () => {
    const failing = fakeStep("test/failing", () => {
      throw new Error("no");
    });
    const retry = { attempts: 2, delayMs: 60_000, on: ["transient"] } as const;
    const transient = { ...failing, run: () => Promise.reject(new DOMException("gave up", "AbortError")) };
    await using run = await timedRun(planOf([{ id: "a", uses: "test/failing", retry }]), [transient]);
    await run.seen("step.retry_scheduled");
    run.handle.halt({ by: "signal", reason: "SIGINT", who: null });
    await run.handle.outcome;
    expect(run.types()).not.toContain("step.retry_due");
  });

  test("a second time, also while it cleans up, still cleans up", async () => {
    await using run = await timedRun(planOf([{ id: "slow", uses: "test/slow" }]), [slow]);
    await run.seen("resource.planned");
    for (let times = 0; times < 3; times += 1) run.handle.halt({ by: "signal", reason: "SIGINT", who: null });
    await run.seen("cleanup.begun");
    run.handle.halt({ by: "signal", reason: "SIGINT", who: null });
    await run.handle.outcome;
    expect(run.types().filter((type) => type === "run.halted")).toHaveLength(1);
    expect(run.bench.keeper.destroyed).toEqual(["made"]);
  });

  test("plans nothing new: the ledger is closed once the step was told to stop", async () => {
    let answer: Promise<unknown> = Promise.resolve();
    const greedy = fakeStep("test/greedy", async (ctx) => {
      await untilStopped(ctx).catch(() => {});
      answer = ctx.ledger.plan({ kind: "directory", title: "late", ttlMs: 1, locator: { name: "late" } });
      await answer;
      return { kind: "done", outputs: {} };
    });
    await using run = await timedRun(planOf([{ id: "a", uses: "test/greedy" }]), [greedy]);
    await run.seen("step.started");
    run.handle.halt({ by: "signal", reason: "SIGINT", who: null });
    await run.handle.outcome;
    await expect(answer).rejects.toMatchObject({ name: "AbortError" });
    expect(run.types()).not.toContain("resource.planned");
  });
});

describe("a step that halts the run in the name of a person", () => {
  test.each([
    ["then throws", () => Promise.reject(new StepError("permanent", "APPROVAL_DECLINED", "no"))],
    ["then returns", () => Promise.resolve({ kind: "done" as const, outputs: {} })],
    ["then waits to be told", untilStopped],
  ])("and %s: the run is aborted, with its name and reason, and cleans up", async (_what, then) => {
    const asking = fakeStep("test/asking", async (ctx) => {
      await ctx.ledger.plan({ kind: "directory", title: "made", ttlMs: 1000, locator: { name: "made" } });
      ctx.halt("not now", "ada");
      return then(ctx);
    });
    await using bench = await engineBench({ steps: [asking] });
    const plan = planOf([{ id: "asking", uses: "test/asking" }, { id: "after" }]);
    const { result } = await executeRun(requestFor(plan), bench.deps);
    expect(result).toMatchObject({ result: "aborted", exitCode: 4, rule: "HALTED" });
    expect(result.reasons[0]?.message).toBe("stopped by halt (ada): not now");
    expect(bench.records.find((record) => record.type === "step.skipped")).toMatchObject({ data: { step: "after" } });
    expect(bench.keeper.destroyed).toEqual(["made"]);
  });
});

describe("the halt file", () => {
  test("of a run stops that run, and the record says who and why", async () => {
    await using bench = await engineBench({ steps: [slow] });
    const handle = await startRun(requestFor(planOf([{ id: "slow", uses: "test/slow" }])), bench.deps);
    await until(() => bench.records.some((record) => record.type === "resource.planned"), "resource.planned");
    await haltRun(bench.deps.state.root, handle.runId, WORDS, bench.deps.clock);
    await handle.outcome;
    expect(bench.records.find((record) => record.type === "run.halted")).toMatchObject({
      data: { by: "halt", ...WORDS },
    });
  });

  test("of all runs is acted on within 5 s when the file system tells nothing", async () => {
    await using run = await timedRun(planOf([{ id: "slow", uses: "test/slow" }]), [slow]);
    await run.seen("resource.planned");
    await haltAll(run.bench.deps.state.root, WORDS, run.time);
    await run.time.pass(5_000);
    expect(await run.seen("run.halted")).toMatchObject({ data: { by: "halt", who: "ada" } });
    await run.handle.outcome;
  });

  test("that cannot be read halts as well", async () => {
    await using bench = await engineBench({ steps: [slow] });
    const handle = await startRun(requestFor(planOf([{ id: "slow", uses: "test/slow" }])), bench.deps);
    await mkdir(join(handle.dir, "halt.json"));
    await handle.outcome;
    expect(bench.records.find((record) => record.type === "run.halted")).toMatchObject({ data: { who: "unknown" } });
  });
});

describe("a halt of all runs", () => {
  test("refuses new ones until it is lifted with a name and a reason", async () => {
    await using bench = await engineBench();
    const { root } = bench.deps.state;
    await haltAll(root, WORDS, bench.deps.clock);
    await expect(executeRun(requestFor(planOf([{ id: "a" }])), bench.deps)).rejects.toMatchObject({
      code: "HALTED",
      message: containing("wrong system"),
    });
    await expect(liftHalt(root, { who: "", reason: "fixed" }, bench.deps.clock)).rejects.toMatchObject({
      code: "HALT_WHO_AND_WHY",
    });
    expect(await haltInForce(root)).toMatchObject(WORDS);
    expect(await liftHalt(root, { who: "bob", reason: "fixed" }, bench.deps.clock)).toMatchObject(WORDS);
    await executeRun(requestFor(planOf([{ id: "a" }])), bench.deps);
  });

  test("without a name or a reason is refused", async () => {
    await using bench = await engineBench();
    for (const words of [
      { who: " ", reason: "x" },
      { who: "ada", reason: "" },
    ]) {
      await expect(haltAll(bench.deps.state.root, words, bench.deps.clock)).rejects.toMatchObject({
        code: "HALT_WHO_AND_WHY",
      });
    }
    expect(await haltInForce(bench.deps.state.root)).toBeNull();
  });
});

test("to halt a run that is finished, or is none, is an error", async () => {
  await using bench = await engineBench();
  const { runId } = await executeRun(requestFor(planOf([{ id: "a" }])), bench.deps);
  const { root } = bench.deps.state;
  await expect(haltRun(root, runId, WORDS, bench.deps.clock)).rejects.toMatchObject({ code: "RUN_FINISHED" });
  await expect(haltRun(root, "20200101-000000-aaaa", WORDS, bench.deps.clock)).rejects.toMatchObject({
    code: "RUN_UNKNOWN",
  });
  await expect(haltRun(root, "../x", WORDS, bench.deps.clock)).rejects.toMatchObject({ code: "RUN_ID" });
});
