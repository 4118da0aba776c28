import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ApprovalQuestion } from "../../../src/drills/approval.ts";
import { type ApprovalRequest, approvalsDir, readRequest } from "../../../src/engine/approvals/approval-files.ts";
import { decideApproval, type DecisionWords, waitingApprovals } from "../../../src/engine/approvals/decide-approval.ts";
import { fileApprovals } from "../../../src/engine/approvals/file-approvals.ts";
import { haltRun } from "../../../src/engine/halt-runs.ts";
import { approvalStep } from "../../../src/steps/approval.ts";
import { declareStep } from "../../../src/steps/disaster/declare.ts";
import { FakeTime, passUntilSettled, settle } from "../../support/engine-fake-time.ts";
import { containing } from "../../support/engine-matchers.ts";
import { planOf } from "../../support/engine-plan.ts";
import { timedRun, type TimedRun } from "../../support/engine-timed-run.ts";

const LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const YES: DecisionWords = { decision: "approved", who: "ada", comment: "go ahead" };
const NO: DecisionWords = { decision: "declined", who: "bob", comment: "change freeze" };

/** A disaster that is declared, then a person who decides whether to recover. */
async function asking(input: Readonly<Record<string, string>> = {}): Promise<TimedRun> {
  const time = new FakeTime();
  const approvals = fileApprovals({ clock: time, timers: time, log: LOG });
  const go = { id: "go", phase: "disaster", uses: "approval", timeoutMs: 86_400_000 } as const;
  const plan = planOf([
    { id: "declare", phase: "disaster", uses: "disaster/declare" },
    { ...go, with: { question: "Fail over now?", role: "incident commander", ...input } },
    { id: "recover", phase: "recover" },
  ]);
  return timedRun(plan, [declareStep, approvalStep({ approvals })], {}, time);
}

async function requestOf(dir: string): Promise<ApprovalRequest> {
  for (;;) {
    const found = await readRequest(dir, "go");
    if (found !== null) return found;
    await settle(1);
  }
}

function humanWaits({ bench }: TimedRun) {
  return bench.records.flatMap((record) =>
    record.type === "fact" && record.data.fact.kind === "human_wait" ? [record.data.fact] : [],
  );
}

describe("a run that asks a person", () => {
  test("goes on when they agree: the wait is what passed, and the decision to recover is theirs", async () => {
    await using run = await asking();
    const request = await requestOf(run.handle.dir);
    await run.time.pass(4_000);
    await decideApproval(run.handle.dir, request, YES, run.time);
    const { result } = await passUntilSettled(run.time, run.handle.outcome, 100);
    const answered = { monoUs: request.asked.monoUs + 4_000_000 };
    const words = { what: "Fail over now?", who: "ada", role: "incident commander", comment: "go ahead" };
    expect(humanWaits(run)).toMatchObject([
      { ...words, decision: "approved", from: { monoUs: request.asked.monoUs }, to: answered },
    ]);
    expect(result.marks.find(({ mark }) => mark === "T2")).toMatchObject({
      ...answered,
      status: "measured",
      source: "approval",
      resolutionUs: 100_000,
    });
    expect(
      run.bench.records.find((record) => record.type === "step.succeeded" && record.data.step === "go"),
    ).toMatchObject({ data: { outputs: { who: "ada", comment: "go ahead", waitedMs: 4_000 } } });
    expect(result.deviations).toEqual([]);
  });

  test("stops into its cleanup when they decline, and says who and why", async () => {
    await using run = await asking();
    const request = await requestOf(run.handle.dir);
    await run.time.pass(2_000);
    await decideApproval(run.handle.dir, request, NO, run.time);
    const { result } = await passUntilSettled(run.time, run.handle.outcome, 100);
    expect(result).toMatchObject({ result: "aborted", exitCode: 4, rule: "HALTED" });
    const reason = "go was declined by bob, asked as incident commander: change freeze";
    expect(result.reasons[0]?.message).toBe(`stopped by halt (bob): ${reason}`);
    expect(humanWaits(run)).toMatchObject([{ decision: "declined", who: "bob" }]);
    expect(run.bench.records.find((record) => record.type === "mark" && record.data.mark === "T2")).toBeUndefined();
  });

  test("stops when nobody answers in time, and a late answer is told that it is late", async () => {
    await using run = await asking({ timeout: "10m" });
    const request = await requestOf(run.handle.dir);
    await run.time.pass(599_000);
    expect(run.types()).not.toContain("run.halted");
    const { result } = await passUntilSettled(run.time, run.handle.outcome, 500);
    expect(result).toMatchObject({ result: "aborted", rule: "HALTED" });
    expect(result.reasons[0]?.message).toContain("nobody answered go within 10m");
    expect(humanWaits(run)).toMatchObject([
      { decision: "timed_out", who: null, to: { monoUs: request.asked.monoUs + 600_000_000 } },
    ]);
    await expect(decideApproval(run.handle.dir, request, YES, run.time)).rejects.toMatchObject({
      code: "APPROVAL_DECIDED",
      message: containing("timed_out"),
    });
  });

  test("begins to stop within 5 s of a halt, also while it waits", async () => {
    await using run = await asking();
    await requestOf(run.handle.dir);
    await haltRun(run.bench.deps.state.root, run.handle.runId, { who: "eve", reason: "wrong day" }, run.time);
    await run.time.pass(5_000);
    expect(await run.seen("run.halted")).toMatchObject({ data: { who: "eve", reason: "wrong day" } });
    expect((await run.handle.outcome).result.result).toBe("aborted");
    expect(await waitingApprovals(run.handle.dir)).toEqual([]);
  });

  test("goes by the first of two answers", async () => {
    await using run = await asking();
    const request = await requestOf(run.handle.dir);
    await decideApproval(run.handle.dir, request, YES, run.time);
    await expect(decideApproval(run.handle.dir, request, NO, run.time)).rejects.toMatchObject({
      code: "APPROVAL_DECIDED",
      message: containing("approved by ada"),
    });
    await passUntilSettled(run.time, run.handle.outcome, 100);
    expect(humanWaits(run)).toMatchObject([{ decision: "approved" }]);
  });

  test("takes no answer without a name", async () => {
    await using run = await asking();
    const request = await requestOf(run.handle.dir);
    await expect(decideApproval(run.handle.dir, request, { ...YES, who: "  " }, run.time)).rejects.toMatchObject({
      code: "APPROVAL_WHO",
    });
  });
});

describe("a question", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "firedrill-approvals-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  const NEVER = new AbortController().signal;
  const question = (): ApprovalQuestion => ({
    runId: "run-1",
    runDir: dir,
    step: "go",
    text: "Fail over now?",
    role: null,
    planSha256: "a".repeat(64),
    timeoutMs: 60_000,
  });

  test("is put once: whoever goes on with the run waits on from when it was first put", async () => {
    const time = new FakeTime();
    const approvals = fileApprovals({ clock: time, timers: time, log: LOG });
    // Its process is killed: nobody ever hears of this one again.
    void approvals.ask(question(), NEVER);
    const request = await requestOf(dir);
    await time.pass(50_000);
    const resumed = approvals.ask({ ...question(), timeoutMs: 999_000 }, NEVER);
    expect(await passUntilSettled(time, resumed, 1_000)).toMatchObject({
      decision: "timed_out",
      asked: { monoUs: request.asked.monoUs },
      answered: { monoUs: request.asked.monoUs + 60_000_000 },
    });
  });

  test("that was answered while nobody ran keeps the instant of its answer", async () => {
    const time = new FakeTime();
    const approvals = fileApprovals({ clock: time, timers: time, log: LOG });
    const lost = new FakeTime();
    void fileApprovals({ clock: lost, timers: lost, log: LOG }).ask(question(), NEVER);
    const request = await requestOf(dir);
    await time.pass(5_000);
    await decideApproval(dir, request, YES, time);
    await time.pass(30_000);
    expect(await approvals.ask(question(), NEVER)).toMatchObject({
      decision: "approved",
      answered: { monoUs: request.asked.monoUs + 5_000_000 },
    });
  });

  test("of another boot has waited as long as the wall clocks say", async () => {
    const before = new FakeTime(1_000_000_000, "boot-1");
    void fileApprovals({ clock: before, timers: before, log: LOG }).ask(question(), NEVER);
    await requestOf(dir);
    const after = new FakeTime(5_000_000, "boot-2");
    after.jumpWall(before.wallUs() - after.wallUs() + 40_000_000);
    const resumed = fileApprovals({ clock: after, timers: after, log: LOG }).ask(question(), NEVER);
    const { asked, answered } = await passUntilSettled(after, resumed, 1_000);
    expect(answered.monoUs - asked.monoUs).toBe(60_000_000);
    expect(answered.monoUs).toBe(25_000_000);
  });

  test.each([
    ["of another plan", (text: string) => text.replaceAll("a".repeat(64), "b".repeat(64))],
    ["that cannot be read", () => "{"],
  ])("passes over a decision %s, puts it aside and waits on", async (_what, spoilt) => {
    const time = new FakeTime();
    const waiting = fileApprovals({ clock: time, timers: time, log: LOG }).ask(question(), NEVER);
    const request = await requestOf(dir);
    const made = { ...request, decision: "approved", who: "mallory", comment: null, decided: request.asked };
    const text = JSON.stringify({ ...made, schemaVersion: "firedrill/approval-decision/v1" });
    await writeFile(join(approvalsDir(dir), "go.decision.json"), spoilt(text));
    await time.pass(200);
    const refused = async (): Promise<boolean> =>
      (await readdir(approvalsDir(dir))).some((name) => name.startsWith("go.refused-"));
    while (!(await refused())) await settle(1);
    await decideApproval(dir, request, YES, time);
    expect(await passUntilSettled(time, waiting, 100)).toMatchObject({ decision: "approved", who: "ada" });
  });

  test("is withdrawn when the step is stopped", async () => {
    const time = new FakeTime();
    const stop = new AbortController();
    const waiting = fileApprovals({ clock: time, timers: time, log: LOG }).ask(question(), stop.signal);
    await requestOf(dir);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
    expect(await waitingApprovals(dir)).toEqual([]);
  });
});
