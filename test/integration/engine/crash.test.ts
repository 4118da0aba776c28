import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { haltRun } from "../../../src/engine/halt-runs.ts";
import { readJournal } from "../../../src/engine/journal/journal-reader.ts";
import { recorded } from "../../../src/engine/journal/journal-record.ts";
import { resumeRun, startResume } from "../../../src/engine/resume-run.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import { runDir } from "../../../src/engine/state/state-directory.ts";
import type { Clock } from "../../../src/support/clock.ts";
import { FakeTime, passUntilSettled } from "../../support/engine-fake-time.ts";
import { engineStage, type Stage } from "../../support/engine-processes.ts";
import { promotions, things, WAITING_PLAN, WORLD_PLAN } from "../../support/engine-world.ts";

/** Where the orchestrator is killed: the instant, what it is about, and the how-manieth time. */
const POINTS: readonly (readonly [string, string, string])[] = [
  ["after-sync", "run.started", "1"],
  ["before-append", "step.started", "2"],
  ["after-append", "resource.planned", "1"],
  ["after-sync", "resource.planned", "1"],
  ["before-effect", "promote", "1"],
  ["after-effect", "promote", "1"],
  ["before-append", "cleanup.begun", "1"],
  ["before-effect", "destroy", "1"],
  ["after-effect", "destroy", "1"],
];

describe("an orchestrator killed", () => {
  test.each(POINTS)("%s of %s is taken over: the run ends as if nothing had happened", async (...point) => {
    await using stage = await engineStage();
    const runId = await stage.killed("world", ...point);
    const bench = await stage.bench();
    const { result } = await resumeRun(runId, bench.deps);
    expect(await promotions(stage.world)).toEqual([`${runId}/promote/1`]);
    expect(await things(stage.world)).toEqual([]);
    expect(result.checks).toMatchObject([{ step: "check", status: "passed" }]);
    expect(result.cleanup.status).toBe("verified");
    expect(result.run.epochs).toBe(2);
  });

  test("after the end of its run has nothing to be taken over", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WORLD_PLAN, "after-sync", "run.finished");
    const bench = await stage.bench();
    await expect(resumeRun(runId, bench.deps)).rejects.toMatchObject({ code: "RUN_FINISHED" });
  });

  test("twice is taken over twice, and the epoch rises each time", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WORLD_PLAN, "before-append", "step.succeeded", 2);
    const crash = new Error("crash");
    const first = await stage.bench({
      crashPoint: (at, about) => {
        if (at === "before-append" && about.includes("cleanup.begun")) throw crash;
      },
    });
    await expect(resumeRun(runId, first.deps)).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
    const { result } = await resumeRun(runId, (await stage.bench()).deps);
    expect([result.run.epochs, await promotions(stage.world)]).toEqual([3, [`${runId}/promote/1`]]);
  });

  test("while its effect was at work, and the world cannot tell, stops for a person", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WORLD_PLAN, "before-append", "step.succeeded", 2);
    const bench = await stage.bench();
    const promote = bench.deps.steps.get("world/promote");
    if (promote === undefined) throw new Error("the world has this step");
    const silent: Step = {
      ...promote,
      reconcile: async () => ({ kind: "unknown", message: "the server does not answer" }),
    };
    const steps = new Map([...bench.deps.steps, [silent.uses, silent]]);
    const { result } = await resumeRun(runId, { ...bench.deps, steps });
    expect(bench.records.find((record) => record.type === "step.in_doubt")).toMatchObject({
      data: { message: "the server does not answer" },
    });
    expect(await promotions(stage.world)).toHaveLength(1);
    expect([result.result, await things(stage.world)]).toEqual(["error", []]);
  });

  test("and asked to halt meanwhile goes into cleanup when it is resumed", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WAITING_PLAN, "after-sync", "step.started", 2);
    const bench = await stage.bench();
    await haltRun(stage.state, runId, { who: "ada", reason: "no longer wanted" }, bench.deps.clock);
    const { result } = await resumeRun(runId, bench.deps);
    expect([result.result, await things(stage.world)]).toEqual(["aborted", []]);
  });
});

describe("taking over", () => {
  test("cuts off a torn last record and says so", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WORLD_PLAN, "after-sync", "resource.planned");
    const journal = journalOf(stage, runId);
    const before = await readFile(journal, "utf8");
    await appendFile(journal, '{"boot":"half a rec');
    const bench = await stage.bench();
    await resumeRun(runId, bench.deps);
    expect((await readFile(journal, "utf8")).startsWith(before)).toBe(true);
    expect((await readJournal(journal)).torn).toBeNull();
    expect(bench.records.find((record) => record.type === "deviation")).toMatchObject({
      data: { code: "JOURNAL_TORN" },
    });
  });

  test("is refused for a journal that was changed, naming the record, and changes nothing", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WORLD_PLAN, "before-append", "step.succeeded", 2);
    const journal = journalOf(stage, runId);
    const damaged = (await readFile(journal, "utf8")).replace('"attempt":1', '"attempt":2');
    await writeFile(journal, damaged);
    const bench = await stage.bench();
    await expect(resumeRun(runId, bench.deps)).rejects.toMatchObject({
      code: "JOURNAL_DAMAGED",
      details: { record: 3 },
    });
    expect(await readFile(journal, "utf8")).toBe(damaged);
    await expect(resumeRun(runId, bench.deps), "the lock was let go of").rejects.toMatchObject({
      code: "JOURNAL_DAMAGED",
    });
  });

  test("is refused when the plan is not the one the run was started with", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WORLD_PLAN, "before-append", "step.succeeded", 2);
    const plan = join(runDir(stage.state, runId), "plan.json");
    await writeFile(plan, (await readFile(plan, "utf8")).replace('"name": "test-drill"', '"name": "other"'));
    await expect(resumeRun(runId, (await stage.bench()).deps)).rejects.toMatchObject({ code: "PLAN_CHANGED" });
  });

  test("after another boot of the machine flags the clock", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WORLD_PLAN, "before-append", "step.succeeded", 2);
    const bench = await stage.bench();
    const { clock: own } = bench.deps;
    const clock: Clock = { bootId: "another-boot", monoUs: () => own.monoUs(), wallUs: () => own.wallUs() };
    const { result } = await resumeRun(runId, { ...bench.deps, clock });
    expect(bench.records.find((record) => record.type === "run.resumed")).toMatchObject({
      data: { epoch: 2, clockSuspect: true },
    });
    expect(result.clock.suspect).toBe(true);
  });

  test("arms the deadlines anew: what has passed meanwhile is over at once", async () => {
    await using stage = await engineStage();
    const runId = await stage.crashed(WAITING_PLAN, "after-sync", "step.started", 2);
    const last = (await readJournal(journalOf(stage, runId))).records.at(-1);
    const bench = await stage.bench();
    const time = new FakeTime((last?.mono_us ?? 0) + 61_000_000, last?.boot);
    const handle = await startResume(runId, { ...bench.deps, clock: time, timers: time });
    const { result } = await passUntilSettled(time, handle.outcome, 100);
    expect(bench.records.map((record) => record.type)).toContain("step.deadline_passed");
    expect(result.steps.at(-1)).toMatchObject({ id: "wait", outcome: "timed_out" });
  });
});

test("the journal of a run that was taken over folds to what its observers saw", async () => {
  await using stage = await engineStage();
  const runId = await stage.crashed(WORLD_PLAN, "before-append", "step.succeeded", 2);
  const bench = await stage.bench();
  await resumeRun(runId, bench.deps);
  const { records } = await readJournal(journalOf(stage, runId));
  const resumedAt = records.findIndex((record) => record.type === "run.resumed");
  expect(records.slice(resumedAt).map((record) => recorded(record))).toEqual(bench.records);
});

function journalOf(stage: Stage, runId: string): string {
  return join(runDir(stage.state, runId), "journal.jsonl");
}
