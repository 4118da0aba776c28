import { describe, expect, test } from "vitest";
import { StepError } from "../../../src/drills/step-error.ts";
import type { FailureClass } from "../../../src/drills/run-event.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import { fakeStep, untilStopped } from "../../support/engine-bench.ts";
import { planOf } from "../../support/engine-plan.ts";
import { timedRun } from "../../support/engine-timed-run.ts";

/** Fails so many times, then does its work. */
function failing(times: number, failureClass: FailureClass): Step {
  return fakeStep("test/failing", (ctx) => {
    if (ctx.attempt <= times) throw new StepError(failureClass, "NOT_YET", `attempt ${ctx.attempt}`);
    return { kind: "done", outputs: { attempt: ctx.attempt } };
  });
}

const slow = fakeStep("test/slow", (ctx) => untilStopped(ctx));
/** Takes no notice of being told to stop. */
const deaf = fakeStep("test/deaf", () => new Promise<never>(() => {}));

describe("retries", () => {
  const retry = { attempts: 3, delayMs: 60_000, on: ["transient"] } as const;

  test("come after the delay that is on record, and not before", async () => {
    await using run = await timedRun(planOf([{ id: "a", uses: "test/failing", retry }]), [failing(1, "transient")]);
    const { data } = await run.seen("step.retry_scheduled");
    expect(data.attempt).toBe(2);
    const waitMs = (data.dueMonoUs - run.time.monoUs()) / 1000;
    expect(waitMs).toBeGreaterThan(0);
    await run.time.pass(waitMs - 1);
    expect(run.types()).not.toContain("step.retry_due");
    await run.time.pass(1);
    expect(await run.seen("step.succeeded")).toMatchObject({ data: { attempt: 2, outputs: { attempt: 2 } } });
  });

  test("end with the attempts the plan allows", async () => {
    await using run = await timedRun(planOf([{ id: "a", uses: "test/failing", retry }]), [failing(9, "transient")]);
    await run.time.pass(600_000);
    await run.handle.outcome;
    expect(run.types().filter((type) => type === "step.started")).toHaveLength(3);
    expect(run.types().filter((type) => type === "step.errored")).toHaveLength(3);
  });

  test("are not made for what is broken for good", async () => {
    await using run = await timedRun(planOf([{ id: "a", uses: "test/failing", retry }]), [failing(9, "permanent")]);
    await run.handle.outcome;
    expect(run.types().filter((type) => type === "step.started")).toHaveLength(1);
  });
});

describe("a step that takes too long", () => {
  test("is told to stop at its deadline and ends as timed out", async () => {
    await using run = await timedRun(planOf([{ id: "a", uses: "test/slow", timeoutMs: 5_000 }]), [slow]);
    const started = await run.seen("step.started");
    expect(started.data.deadlineMonoUs - started.monoUs).toBe(5_000_000);
    await run.time.pass(4_999);
    expect(run.types()).not.toContain("step.deadline_passed");
    await run.time.pass(1);
    const { result } = await run.handle.outcome;
    expect(run.types()).toContain("step.stopped");
    expect(result.steps).toMatchObject([{ id: "a", outcome: "timed_out" }]);
  });

  test("is tried again when the plan says so", async () => {
    const onceSlow = fakeStep("test/slow", (ctx) =>
      ctx.attempt === 1 ? untilStopped(ctx) : { kind: "done", outputs: {} },
    );
    const retry = { attempts: 2, delayMs: 0, on: ["timeout"] } as const;
    await using run = await timedRun(planOf([{ id: "a", uses: "test/slow", timeoutMs: 5_000, retry }]), [onceSlow]);
    await run.seen("step.started");
    await run.time.pass(6_000);
    expect(await run.seen("step.succeeded")).toMatchObject({ data: { attempt: 2 } });
  });

  test("and does not heed the stop is given up after the grace period; what it says later is not taken", async () => {
    await using run = await timedRun(planOf([{ id: "a", uses: "test/deaf", timeoutMs: 5_000 }]), [deaf]);
    await run.seen("step.started");
    await run.time.pass(5_000);
    await run.seen("step.deadline_passed");
    await run.time.pass(9_999);
    expect(run.types()).not.toContain("step.stop_overdue");
    await run.time.pass(1);
    await run.seen("step.stop_overdue");
    await run.handle.outcome;
    expect(run.types()).toContain("cleanup.finished");
  });

  test("fails whatever way it likes once it was told to stop: it has stopped", async () => {
    const clumsy = fakeStep("test/clumsy", async (ctx) => {
      await untilStopped(ctx).catch(() => {});
      throw new StepError("transient", "PG_CONNECT", "connection closed");
    });
    await using run = await timedRun(planOf([{ id: "a", uses: "test/clumsy", timeoutMs: 5_000 }]), [clumsy]);
    await run.seen("step.started");
    await run.time.pass(5_000);
    await run.seen("step.stopped");
    expect(run.types()).not.toContain("step.errored");
  });

  test("counts as done when it had done its work before it could be stopped", async () => {
    const late = fakeStep("test/late", async (ctx) => {
      await untilStopped(ctx).catch(() => {});
      return { kind: "done", outputs: {} };
    });
    await using run = await timedRun(planOf([{ id: "a", uses: "test/late", timeoutMs: 5_000 }]), [late]);
    await run.seen("step.started");
    await run.time.pass(5_000);
    expect((await run.seen("step.succeeded")).type).toBe("step.succeeded");
  });
});

test("a phase that takes too long is stopped as a whole", async () => {
  const plan = planOf([
    { id: "a", uses: "test/slow", needs: [] },
    { id: "b", uses: "test/slow", needs: [] },
  ]);
  const short = { ...plan, phases: plan.phases.map((phase) => ({ ...phase, timeoutMs: 3_000 })) };
  await using run = await timedRun(short, [slow]);
  await run.seen("step.started");
  await run.time.pass(3_000);
  const { result } = await run.handle.outcome;
  expect(run.types().filter((type) => type === "step.stopped")).toHaveLength(2);
  expect(result.result).toBe("aborted");
});

test("a wall clock that jumps changes no deadline", async () => {
  await using run = await timedRun(planOf([{ id: "a", uses: "test/slow", timeoutMs: 5_000 }]), [slow]);
  await run.seen("step.started");
  run.time.jumpWall(86_400_000_000);
  await run.time.pass(4_999);
  expect(run.types()).not.toContain("step.deadline_passed");
  await run.time.pass(1);
  await run.seen("step.stopped");
});

test("steps that do not stop together are left behind when the time for stopping is over", async () => {
  const plan = planOf([
    { id: "a", uses: "test/deaf", needs: [] },
    { id: "b", uses: "test/deaf", needs: [] },
  ]);
  await using run = await timedRun(plan, [deaf], { limits: { stopGraceMs: 60_000, stoppingMs: 2_000 } });
  await run.seen("step.started");
  run.handle.halt({ by: "signal", reason: "SIGINT", who: null });
  await run.seen("run.halted");
  await run.time.pass(2_000);
  await run.seen("stopping.deadline_passed");
  await run.handle.outcome;
  expect(run.types()).toContain("cleanup.finished");
});
