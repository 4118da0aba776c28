import { describe, expect, test } from "vitest";
import type { StopReading } from "../../../src/drills/stop-condition.ts";
import { fakeStep, untilStopped } from "../../support/engine-bench.ts";
import { containing } from "../../support/engine-matchers.ts";
import { settle } from "../../support/engine-fake-time.ts";
import { condition, strikePlan } from "../../support/engine-strike.ts";
import { timedRun } from "../../support/engine-timed-run.ts";

/** Strikes and then goes on until it is told to stop, or for so long. */
const lasting = (ms = Number.POSITIVE_INFINITY) =>
  fakeStep("test/strike", async (ctx) => {
    const endUs = ctx.clock.monoUs() + ms * 1000;
    while (ctx.clock.monoUs() < endUs && !ctx.signal.aborted) await settle(1);
    return ctx.signal.aborted ? untilStopped(ctx) : { kind: "done", outputs: {} };
  });

const HOLDS: StopReading = { kind: "holds", seen: "status 200" };
const BREACHED: StopReading = { kind: "breached", seen: "status 503" };
const SILENT: StopReading = { kind: "unknown", seen: "connect ECONNREFUSED" };

/** Answers in this order, the last one for ever; the first answer is the guard's. */
function answering(...answers: readonly StopReading[]) {
  let looks = 0;
  return {
    looks: () => looks,
    evaluate: () => Promise.resolve(answers[Math.min(looks++, answers.length - 1)] ?? HOLDS),
  };
}

function planWith(parts: Parameters<typeof condition>[0] = {}) {
  return strikePlan([], { guardrails: { stopWhen: [condition(parts)] } });
}

describe("a stop condition that is breached while the drill disrupts", () => {
  test("halts the run with what was expected and seen", async () => {
    const stopProbe = answering(HOLDS, HOLDS, BREACHED);
    await using run = await timedRun(planWith(), [lasting()], { stopProbe });
    await run.seen("step.started");
    await run.time.pass(1_500);
    expect(await run.seen("run.halted")).toMatchObject({
      data: {
        by: "guard",
        who: null,
        reason: 'stop condition "other systems answer": expected status 200, saw status 503',
      },
    });
    const { result } = await run.handle.outcome;
    expect(result).toMatchObject({ result: "aborted", rule: "HALTED" });
  });

  test("only after as many breaches in a row as it says", async () => {
    const stopProbe = answering(HOLDS, BREACHED, BREACHED, HOLDS, BREACHED, SILENT, BREACHED, BREACHED);
    await using run = await timedRun(planWith({ breaches: 3 }), [lasting()], { stopProbe });
    await run.seen("step.started");
    await run.time.pass(5_500);
    expect(run.types()).not.toContain("run.halted");
    await run.time.pass(1_000);
    expect(await run.seen("run.halted")).toMatchObject({ data: { reason: containing("3 times in a row") } });
  });

  test("is looked at again only after its interval, and stops nothing once the run is over", async () => {
    const stopProbe = answering(HOLDS);
    await using run = await timedRun(planWith({ everyMs: 60_000 }), [lasting(30_000)], { stopProbe });
    await run.seen("step.started");
    await run.time.pass(31_000);
    expect((await run.handle.outcome).result.result).not.toBe("aborted");
    await run.time.pass(120_000);
    expect(stopProbe.looks()).toBe(2);
  });
});

describe("a stop condition that does not answer", () => {
  test("neither stops the run nor goes unmentioned", async () => {
    const stopProbe = answering(HOLDS, SILENT);
    await using run = await timedRun(planWith(), [lasting(10_000)], { stopProbe });
    await run.seen("step.started");
    await run.time.pass(11_000);
    const { result } = await run.handle.outcome;
    expect(run.types()).not.toContain("run.halted");
    expect(result.deviations).toMatchObject([
      { code: "STOP_CONDITION_NEVER_ANSWERED", message: containing("other systems answer") },
    ]);
  });

  test("counts as a breach where it says so", async () => {
    const stopProbe = answering(HOLDS, SILENT);
    await using run = await timedRun(planWith({ whenUnknown: "stop" }), [lasting()], { stopProbe });
    await run.seen("step.started");
    expect(await run.seen("run.halted")).toMatchObject({
      data: { reason: containing("no answer (connect ECONNREFUSED)") },
    });
  });

  test("holds up nothing: a look that hangs ends at its deadline and the next one is taken", async () => {
    let looks = 0;
    const stopProbe = {
      evaluate: () => {
        looks += 1;
        return looks === 2 ? new Promise<never>(() => {}) : Promise.resolve(looks === 1 ? HOLDS : BREACHED);
      },
    };
    await using run = await timedRun(planWith({ timeoutMs: 2_000 }), [lasting()], { stopProbe });
    await run.seen("step.started");
    await run.time.pass(1_900);
    expect(looks).toBe(2);
    await run.time.pass(300);
    expect(await run.seen("run.halted")).toMatchObject({ data: { by: "guard" } });
  });
});

test("nothing is watched before the first disruptive step", async () => {
  const stopProbe = answering(BREACHED);
  const plan = strikePlan([{ id: "before", phase: "prepare", uses: "test/before" }], {
    guardrails: { stopWhen: [condition()] },
  });
  const before = fakeStep("test/before", (ctx) => untilStopped(ctx));
  await using run = await timedRun(plan, [before, lasting()], { stopProbe });
  await run.seen("step.started");
  await run.time.pass(10_000);
  expect(stopProbe.looks()).toBe(0);
});
