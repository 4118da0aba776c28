import { describe, expect, test } from "vitest";
import { z } from "zod";
import { StepError } from "../../../src/drills/step-error.ts";
import { executeRun } from "../../../src/engine/execute-run.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import type { Recorded } from "../../../src/drills/run-event.ts";
import { engineBench, fakeStep, requestFor } from "../../support/engine-bench.ts";
import { memoryJournal } from "../../support/engine-memory-journal.ts";
import { containing } from "../../support/engine-matchers.ts";
import { planOf, type StepParts } from "../../support/engine-plan.ts";

/** Runs the steps and gives what was recorded of step `a`, and the whole. */
async function ran(steps: readonly StepParts[], definitions: readonly Step[], env: Record<string, string> = {}) {
  await using bench = await engineBench({ steps: definitions, env });
  const { result } = await executeRun(requestFor(planOf(steps)), bench.deps);
  const records = bench.records;
  return { result, records, of: (step: string) => records.filter((record) => isOf(record, step)) };
}

function isOf(record: Recorded, step: string): boolean {
  return record.type.startsWith("step.") && "step" in record.data && record.data.step === step;
}

const CHECK = { title: "rows", expected: "> 0", actual: "0", coverage: { checked: 1, total: 1, unit: "tables" } };

describe("a step ends as", () => {
  test("succeeded, with its outputs and its check", async () => {
    const check = fakeStep("test/check", () => ({ kind: "check", passed: true, outputs: { rows: 3 }, check: CHECK }));
    const { of } = await ran([{ id: "a", uses: "test/check" }], [check]);
    expect(of("a").at(-1)).toMatchObject({ type: "step.succeeded", data: { outputs: { rows: 3 }, check: CHECK } });
  });

  test("check_failed when the check says no", async () => {
    const check = fakeStep("test/check", () => ({ kind: "check", passed: false, outputs: { rows: 0 }, check: CHECK }));
    const { of, result } = await ran([{ id: "a", uses: "test/check", phase: "verify", role: "check" }], [check]);
    expect(of("a").at(-1)).toMatchObject({ type: "step.check_failed", data: { check: CHECK } });
    expect(result).toMatchObject({ result: "failed", exitCode: 1 });
  });

  test("check_failed when its expect: is false", async () => {
    const files = fakeStep("test/files", () => ({ kind: "done", outputs: { files: 0 } }));
    const { of } = await ran([{ id: "a", uses: "test/files", expect: "outputs.files > 0" }], [files]);
    expect(of("a").at(-1)).toMatchObject({
      type: "step.check_failed",
      data: { outputs: { files: 0 }, check: { expected: "outputs.files > 0", actual: '{"files":0}' } },
    });
  });

  test("errored, transient or subject as the step says", async () => {
    const broken = fakeStep("test/broken", () => {
      throw new StepError("subject", "BACKUP_DAMAGED", "base.tar is short", { hint: "take another" });
    });
    const { of, result } = await ran([{ id: "a", uses: "test/broken" }], [broken]);
    expect(of("a").at(-1)).toMatchObject({
      type: "step.errored",
      data: { error: { class: "subject", code: "BACKUP_DAMAGED", hint: "take another" } },
    });
    expect(result.result).toBe("failed");
  });

  test("errored and permanent for anything else thrown", async () => {
    const broken = fakeStep("test/broken", () => {
      throw new TypeError("x is not a function");
    });
    const { of, result } = await ran([{ id: "a", uses: "test/broken" }], [broken]);
    expect(of("a").at(-1)).toMatchObject({ data: { error: { class: "permanent", code: "STEP_FAILED" } } });
    expect(result).toMatchObject({ result: "error", exitCode: 5 });
  });

  test("errored when an expect: cannot be worked out", async () => {
    const { of } = await ran([{ id: "a", expect: "outputs.nothing > 0" }], []);
    expect(of("a").at(-1)).toMatchObject({ type: "step.errored", data: { error: { code: "CONDITION_INVALID" } } });
  });

  test.each([
    ["a float", { rate: 0.5 }, ".rate"],
    ["another type than declared", { rows: "many" }, "rows"],
  ])("errored when its outputs hold %s", async (_what, outputs, place) => {
    const step = fakeStep("test/outputs", () => ({ kind: "done", outputs }), {
      outputs: z.looseObject({ rows: z.number().optional() }),
    });
    const { of } = await ran([{ id: "a", uses: "test/outputs" }], [step]);
    expect(of("a").at(-1)).toMatchObject({
      type: "step.errored",
      data: { error: { code: "OUTPUTS_INVALID", message: containing(place) } },
    });
  });
});

describe("input", () => {
  const source = fakeStep("test/source", () => ({ kind: "done", outputs: { path: "/backups/1", size: 42 } }));
  const sink: Step = fakeStep("test/sink", () => ({ kind: "done", outputs: {} }), {
    with: z.object({ path: z.string(), size: z.number().int(), label: z.string() }),
    outputs: z.looseObject({}),
    run: async (input) => ({ kind: "done", outputs: input }),
  });

  test("has the outputs of steps before it put in, with their types", async () => {
    const wanted = {
      path: "${{ steps.a.outputs.path }}",
      size: "${{ steps.a.outputs.size }}",
      label: "run ${{ run.seed }}",
    };
    const { of } = await ran(
      [
        { id: "a", uses: "test/source" },
        { id: "b", uses: "test/sink", with: wanted },
      ],
      [source, sink],
    );
    expect(of("b").at(-1)).toMatchObject({ data: { outputs: { path: "/backups/1", size: 42, label: "run seed-1" } } });
  });

  test.each([
    ["does not fit the schema", { path: "x", size: "${{ steps.a.outputs.path }}", label: "y" }, "WITH_INVALID"],
    ["names what is not there", { path: "${{ steps.a.outputs.nothing }}", size: 1, label: "y" }, "TEMPLATE_UNRESOLVED"],
  ])("that %s stops the step before it begins", async (_what, wanted, code) => {
    const { of } = await ran(
      [
        { id: "a", uses: "test/source" },
        { id: "b", uses: "test/sink", with: wanted },
      ],
      [source, sink],
    );
    expect(of("b").map((record) => record.type)).toEqual(["step.errored"]);
    expect(of("b").at(-1)).toMatchObject({ data: { error: { class: "permanent", code } } });
  });
});

describe("a condition", () => {
  test("that is false passes the step over, and the drill goes on", async () => {
    const { of, result } = await ran([{ id: "a", when: "1 > 2" }, { id: "b" }], []);
    expect(of("b").at(-1)?.type).toBe("step.succeeded");
    expect(result.steps.map((step) => step.id)).toEqual(["a", "b"]);
  });

  test("that cannot be worked out is an error of the step", async () => {
    const { of } = await ran([{ id: "a", when: "params.unknown > 1" }], []);
    expect(of("a")).toMatchObject([{ type: "step.errored", data: { error: { code: "CONDITION_INVALID" } } }]);
  });

  test("that is false is on record with its text", async () => {
    const { of } = await ran([{ id: "a", when: "1 > 2" }], []);
    expect(of("a")).toMatchObject([
      { type: "step.skipped", data: { reason: "condition", message: "when: 1 > 2 is false" } },
    ]);
  });
});

describe("a disruptive step", () => {
  test("is refused when nothing allows it, and never runs", async () => {
    let began = false;
    const kill = fakeStep("test/kill", () => {
      began = true;
      return { kind: "done", outputs: {} };
    });
    const { of, result } = await ran([{ id: "a", uses: "test/kill", effect: "disruptive" }], [kill]);
    expect(of("a").map((record) => record.type)).toEqual(["step.guard_refused", "step.skipped"]);
    expect([began, result.result]).toEqual([false, "aborted"]);
  });

  test("runs once its guards have agreed", async () => {
    await using bench = await engineBench({ deps: { guard: { check: async () => ({ kind: "passed" }) } } });
    await executeRun(requestFor(planOf([{ id: "a", effect: "disruptive" }])), bench.deps);
    expect(bench.records.map((record) => record.type)).toContain("step.guard_passed");
    expect(bench.records.map((record) => record.type)).toContain("step.succeeded");
  });

  test("is refused when a guard breaks", async () => {
    const guard = { check: () => Promise.reject(new Error("approval server is down")) };
    await using bench = await engineBench({ deps: { guard } });
    await executeRun(requestFor(planOf([{ id: "a", effect: "disruptive" }])), bench.deps);
    expect(bench.records.find((record) => record.type === "step.guard_refused")).toMatchObject({
      data: { message: containing("approval server is down") },
    });
  });
});

describe("a secret", () => {
  const CANARY = "c4nary-S3cret/+=";

  test("reaches the step and nothing that is kept: records, log, errors, outputs", async () => {
    let seen = "";
    const leaky = fakeStep("test/leaky", async (ctx) => {
      seen = await ctx.secret("env:PW");
      const spoken = `${seen} ${Buffer.from(`user:${seen}`).toString("base64")} ${encodeURIComponent(seen)}`;
      ctx.log.info({ spoken }, "leak");
      await ctx.deviation("LEAK", spoken);
      await ctx.ledger.plan({ kind: "directory", title: spoken, ttlMs: 1000, locator: { name: spoken } });
      throw new StepError("permanent", "LEAK", `said ${spoken}`, { hint: spoken, details: { spoken } });
    });
    await using bench = await engineBench({ steps: [leaky], env: { PW: CANARY } });
    const { result } = await executeRun(requestFor(planOf([{ id: "a", uses: "test/leaky" }])), bench.deps);
    expect(seen).toBe(CANARY);
    const kept = JSON.stringify([bench.records, bench.logged, result]);
    expect(kept).toContain("[redacted]");
    for (const form of [
      CANARY,
      Buffer.from(CANARY).toString("base64").slice(0, 12),
      encodeURIComponent(CANARY),
      "c4nary",
    ])
      expect(kept).not.toContain(form);
  });

  test("that the plan holds in clear is said to be none", async () => {
    const step = fakeStep("test/secret", async (ctx) => ({
      kind: "done",
      outputs: { length: (await ctx.secret("env:PW")).length },
    }));
    const { records } = await ran([{ id: "a", uses: "test/secret" }], [step], { PW: "test/secret" });
    expect(records.find((record) => record.type === "deviation")).toMatchObject({ data: { code: "SECRET_IS_PUBLIC" } });
  });

  test("that is not there is an error of the step", async () => {
    const step = fakeStep("test/secret", async (ctx) => ({
      kind: "done",
      outputs: { value: await ctx.secret("env:NONE") },
    }));
    const { of } = await ran([{ id: "a", uses: "test/secret" }], [step]);
    expect(of("a").at(-1)).toMatchObject({ data: { error: { code: "SECRET_UNRESOLVED" } } });
  });

  test("in what an action gives on stops it: a later step would go where the record leads", async () => {
    const step = fakeStep("test/secret", async (ctx) => {
      await ctx.secret("env:PW");
      return { kind: "done", outputs: { path: "/backups/prod-1" } };
    });
    const { of } = await ran([{ id: "a", uses: "test/secret" }], [step], { PW: "prod" });
    expect(of("a").at(-1)).toMatchObject({ data: { error: { code: "OUTPUTS_HOLD_SECRET" } } });
  });
});

describe("what a step says while it runs", () => {
  test("is durable and visible to later steps: marks, facts, services", async () => {
    const database = {
      engine: "postgresql",
      sandbox: null,
      host: "/tmp",
      port: 5432,
      user: "u",
      database: "d",
      password: null,
    } as const;
    const first = fakeStep("test/first", async (ctx) => {
      await ctx.fact({ kind: "service", database, writable: true });
      await ctx.mark({ mark: "T4", wallUs: 1, monoUs: 2, source: "orchestrator", resolutionUs: 3, note: null });
      return { kind: "done", outputs: {} };
    });
    const second = fakeStep("test/second", (ctx) => ({
      kind: "done",
      outputs: { services: ctx.services().length, marks: ctx.marks().length },
    }));
    const { of } = await ran(
      [
        { id: "a", uses: "test/first" },
        { id: "b", uses: "test/second" },
      ],
      [first, second],
    );
    expect(of("b").at(-1)).toMatchObject({ data: { outputs: { services: 1, marks: 1 } } });
  });

  test("is not taken any more once it has ended", async () => {
    let late: Promise<void> = Promise.resolve();
    const hasty = fakeStep("test/hasty", (ctx) => {
      late = new Promise((resolve) => setImmediate(resolve)).then(() => ctx.deviation("LATE", "too late"));
      late.catch(() => {});
      return { kind: "done", outputs: {} };
    });
    const { records } = await ran([{ id: "a", uses: "test/hasty" }], [hasty]);
    await expect(late).rejects.toMatchObject({ code: "STEP_CLOSED" });
    expect(records.some((record) => record.type === "deviation")).toBe(false);
  });
});

test("steps that need nothing of each other run at once", async () => {
  const meeting = Promise.withResolvers<void>();
  let here = 0;
  const meet = fakeStep("test/meet", async () => {
    here += 1;
    if (here === 2) meeting.resolve();
    await meeting.promise;
    return { kind: "done", outputs: {} };
  });
  const { result } = await ran(
    [
      { id: "a", uses: "test/meet", needs: [] },
      { id: "b", uses: "test/meet", needs: [] },
    ],
    [meet],
  );
  expect(result.steps.map((step) => step.attempts)).toEqual([1, 1]);
});

test("a plan with a step this program does not have is refused, and nothing is begun", async () => {
  await using bench = await engineBench();
  await expect(executeRun(requestFor(planOf([{ id: "a", uses: "test/unknown" }])), bench.deps)).rejects.toMatchObject({
    code: "STEP_UNKNOWN",
  });
  expect(bench.records).toEqual([]);
});

test("2,000 steps that do nothing are done quickly", async () => {
  await using bench = await engineBench({ deps: { openJournal: () => Promise.resolve(memoryJournal()) } });
  const plan = planOf(Array.from({ length: 2000 }, (_, index) => ({ id: `s${index}` })));
  const began = performance.now();
  await executeRun(requestFor(plan), bench.deps);
  expect(bench.records.filter((record) => record.type === "step.succeeded")).toHaveLength(2000);
  // A generous limit for a busy machine: what it is for is a cost that grows with the number of steps.
  expect(performance.now() - began).toBeLessThan(15_000);
});
