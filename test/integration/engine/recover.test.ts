import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ApprovalRequest, createRequest } from "../../../src/engine/approvals/approval-files.ts";
import { fileApprovals } from "../../../src/engine/approvals/file-approvals.ts";
import { decideApproval, waitingApprovals } from "../../../src/engine/approvals/decide-approval.ts";
import { startRun } from "../../../src/engine/execute-run.ts";
import { journalEnd } from "../../../src/engine/journal-end.ts";
import { openRuns } from "../../../src/engine/list-runs.ts";
import { type RecoveredRun, recoverState } from "../../../src/engine/recover-state.ts";
import { executeRun } from "../../../src/engine/execute-run.ts";
import { startResume } from "../../../src/engine/resume-run.ts";
import { runDir } from "../../../src/engine/state/state-directory.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import { systemTimers } from "../../../src/engine/timers.ts";
import { approvalStep } from "../../../src/steps/approval.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { systemWith } from "../../support/checks-context.ts";
import { type Bench, engineBench, fakeStep, requestFor, untilStopped } from "../../support/engine-bench.ts";
import { containing } from "../../support/engine-matchers.ts";
import { planOf } from "../../support/engine-plan.ts";
import { engineStage, type Stage } from "../../support/engine-processes.ts";
import { promotions, things, WORLD_PLAN } from "../../support/engine-world.ts";

const OPTIONS = { limit: 4, signal: AbortSignal.timeout(120_000) };
const LOG = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

const journalOf = ({ state }: Pick<Stage, "state">, runId: string): string =>
  join(runDir(state, runId), "journal.jsonl");
const kinds = (runs: readonly RecoveredRun[]) => new Map(runs.map((run) => [run.runId, run.kind]));
const crashAtPromotion = (stage: Stage): Promise<string> =>
  stage.crashed(WORLD_PLAN, "before-append", "step.succeeded", 2);

describe("recovery of a state directory", () => {
  test("goes on with every run that has lost its orchestrator, and with no other", async () => {
    await using stage = await engineStage();
    const crashed = [await crashAtPromotion(stage), await crashAtPromotion(stage), await crashAtPromotion(stage)];
    const finished = (await executeRun(requestFor(WORLD_PLAN), (await stage.bench()).deps)).runId;
    const living = await stage.start("waiting");
    const damaged = await crashAtPromotion(stage);
    const journal = await readFile(journalOf(stage, damaged), "utf8");
    await writeFile(journalOf(stage, damaged), journal.replace('"attempt":1', '"attempt":2'));
    const empty = "20200101-000000-aaaa";
    await mkdir(runDir(stage.state, empty));

    const { deps } = await stage.bench();
    const told: RecoveredRun[] = [];
    const runs = await recoverState(deps, { ...OPTIONS, onRun: (run) => told.push(run) });
    expect(kinds(runs)).toEqual(
      new Map<string, RecoveredRun["kind"]>([
        ...crashed.map((id) => [id, "finished"] as const),
        [living.runId, "owned"],
        [damaged, "failed"],
        [empty, "never_began"],
      ]),
    );
    expect(told).toEqual(runs);
    expect(runs.find(({ runId }) => runId === living.runId)).toMatchObject({
      message: containing(`process ${living.child.pid} on test-host`),
    });
    expect(runs.find(({ runId }) => runId === damaged)).toMatchObject({ code: "JOURNAL_DAMAGED" });
    const promoted = await promotions(stage.world);
    for (const id of [...crashed, finished]) expect(promoted.filter((key) => key.startsWith(id))).toHaveLength(1);
    expect(kinds(await recoverState(deps, OPTIONS))).toEqual(
      new Map([
        [living.runId, "owned"],
        [damaged, "failed"],
        [empty, "never_began"],
      ]),
    );
  });

  test("works on so many at a time, and on one at a time of those that need one system", async () => {
    const gauge = new Gauge();
    await using bench = await engineBench({ steps: [gauge.step] });
    const orders = systemWith({ name: "orders", environment: "staging" });
    for (const system of [orders, orders, null, null, null]) await gauge.crash(bench, system);
    gauge.reset(3);
    const runs = await recoverState(bench.deps, { ...OPTIONS, limit: 3 });
    expect(runs.map(({ kind }) => kind)).toEqual(["finished", "finished", "finished", "finished", "finished"]);
    expect(gauge.most).toBe(3);
    expect(gauge.mostOfSystem).toBe(1);
  });

  test("is stopped by its signal: it begins no more, and halts what it goes on with", async () => {
    const waiting = fakeStep("test/waits", (ctx) => untilStopped(ctx));
    await using bench = await engineBench({ steps: [waiting] });
    const plan = planOf([{ id: "wait", uses: "test/waits" }]);
    for (let count = 0; count < 3; count += 1) await crashInStep(bench, plan);
    const stop = new AbortController();
    const options = { limit: 1, signal: stop.signal, onBegin: () => stop.abort("enough") };
    const runs = await recoverState(bench.deps, options);
    expect(runs).toMatchObject([{ kind: "finished", result: { result: "aborted" } }]);
    expect(await openRuns(bench.deps.state.root, bench.deps.clock.bootId)).toHaveLength(2);
  });

  test("names the steps of which nobody knows what they did", async () => {
    await using stage = await engineStage();
    const runId = await crashAtPromotion(stage);
    const bench = await stage.bench();
    const promote = bench.deps.steps.get("world/promote");
    if (promote === undefined) throw new Error("the world has this step");
    const silent: Step = { ...promote, reconcile: async () => ({ kind: "unknown", message: "no answer" }) };
    const steps = new Map([...bench.deps.steps, [silent.uses, silent]]);
    const [run] = await recoverState({ ...bench.deps, steps }, OPTIONS);
    if (run?.kind !== "finished") throw new Error(`it is ${run?.kind}`);
    expect(run).toMatchObject({ runId, result: { result: "error" } });
    expect(run.result.steps.find((step) => step.outcome === "in_doubt")?.id).toBe("promote");
    expect([await promotions(stage.world), await things(stage.world)]).toEqual([[`${runId}/promote/1`], []]);
  });
});

describe("a run that waits for a person", () => {
  async function asked() {
    const clock = systemClock();
    const approvals = fileApprovals({ clock, timers: systemTimers(clock), log: LOG });
    const bench = await engineBench({ steps: [approvalStep({ approvals })] });
    const go = { id: "go", phase: "disaster", uses: "approval", timeoutMs: 86_400_000 } as const;
    const plan = planOf([
      { ...go, with: { question: "Fail over now?" } },
      { id: "recover", phase: "recover" },
    ]);
    let question: ApprovalRequest | undefined;
    const { runId, dir } = await crashInStep(bench, plan, async (at) => {
      [question] = await waitingApprovals(at);
      return question !== undefined;
    });
    if (question === undefined) throw new Error("it asks");
    // A step that is told to stop withdraws its question; one whose process was killed does not.
    await createRequest(dir, question);
    return { bench, runId, dir, question };
  }

  test("is left, with its question, and gone on with when it has its answer", async () => {
    const { bench, runId, dir, question } = await asked();
    await using _bench = bench;
    expect(await recoverState(bench.deps, OPTIONS)).toMatchObject([
      { kind: "waiting", runId, step: "go", question: "Fail over now?" },
    ]);
    await decideApproval(dir, question, { decision: "approved", who: "ada", comment: null }, bench.deps.clock);
    expect(await recoverState(bench.deps, OPTIONS)).toMatchObject([{ kind: "finished", runId }]);
  });

  test("is gone on with when its time is over, so that it ends", async () => {
    const { bench, runId } = await asked();
    await using _bench = bench;
    const own = bench.deps.clock;
    const later = { bootId: own.bootId, wallUs: () => own.wallUs() + DAY_US, monoUs: () => own.monoUs() + DAY_US };
    const deps = { ...bench.deps, clock: later, timers: systemTimers(later) };
    expect(await recoverState(deps, OPTIONS)).toMatchObject([{ kind: "finished", runId }]);
  });
});

const DAY_US = 86_400_000_000 + 60_000_000;

describe("the end of a journal", () => {
  async function ended() {
    const bench = await engineBench();
    const { runId, dir } = await executeRun(requestFor(planOf([{ id: "a" }])), bench.deps);
    const path = join(dir, "journal.jsonl");
    return { bench, runId, path, text: await readFile(path, "utf8") };
  }

  test("says that the run has ended, and what its cleanup left", async () => {
    const { bench, runId, path } = await ended();
    await using _bench = bench;
    expect(journalEnd(path, runId)).toEqual({ kind: "ended", leftovers: 0 });
    expect(journalEnd(`${path}x`, runId)).toEqual({ kind: "no_journal" });
  });

  test.each([
    ["is of another run", (text: string) => text, "20200101-000000-aaaa"],
    ["was changed", (text: string) => text.replace('"exitCode":', '"exitCode":1'), null],
    ["is torn", (text: string) => text.slice(0, -1), null],
    ["is not the last", (text: string) => `${text}${text.split("\n")[0]}\n`, null],
    ["is empty", () => "", null],
  ])("is not believed when it %s", async (_, change, other) => {
    const { bench, runId, path, text } = await ended();
    await using _bench = bench;
    await writeFile(path, change(text));
    expect(journalEnd(path, other ?? runId)).toEqual({ kind: "unfinished" });
  });

  test("cut at any record but the last is unfinished", async () => {
    const { bench, runId, path, text } = await ended();
    await using _bench = bench;
    const lines = text.split("\n").slice(0, -1);
    for (let left = lines.length - 1; left > 0; left -= 1) {
      await truncate(path, Buffer.byteLength(`${lines.slice(0, left).join("\n")}\n`));
      expect(journalEnd(path, runId)).toEqual({ kind: "unfinished" });
    }
  });
});

/** How many steps are under way at a time. */
class Gauge {
  most = 0;
  mostOfSystem = 0;
  /** A step ends when so many have been under way at a time. */
  wanted = Infinity;
  #now = 0;
  #ofSystem = 0;

  readonly step: Step = fakeStep("test/gauge", async (ctx) => {
    const one = ctx.system === null ? 0 : 1;
    this.#now += 1;
    this.#ofSystem += one;
    this.most = Math.max(this.most, this.#now);
    this.mostOfSystem = Math.max(this.mostOfSystem, this.#ofSystem);
    while (this.most < this.wanted && !ctx.signal.aborted) await new Promise((resolve) => setImmediate(resolve));
    this.#now -= 1;
    this.#ofSystem -= one;
    return { kind: "done", outputs: {} };
  });

  reset(wanted: number): void {
    this.wanted = wanted;
    this.most = 0;
    this.mostOfSystem = 0;
  }

  async crash(bench: Bench, system: ReturnType<typeof systemWith> | null): Promise<void> {
    const disruptive = system === null ? {} : ({ effect: "disruptive" } as const);
    await crashInStep(bench, planOf([{ id: "gauge", uses: "test/gauge", ...disruptive }], { system }));
  }
}

/** Starts a run whose journal breaks once its first step is at work, which leaves what a kill leaves. */
async function crashInStep(
  bench: Bench,
  plan: ReturnType<typeof planOf>,
  ready: (dir: string) => Promise<boolean> = () => Promise.resolve(true),
) {
  let broken = false;
  const crashPoint = (at: string): void => {
    if (broken && at === "before-append") throw new Error("crash");
  };
  const seen = Promise.withResolvers<void>();
  const onRecord = ({ type }: { readonly type: string }): void => void (type === "step.started" && seen.resolve());
  const run = await startRun(requestFor(plan), { ...bench.deps, crashPoint, observers: { onRecord } });
  await seen.promise;
  while (!(await ready(run.dir))) await new Promise((resolve) => setImmediate(resolve));
  broken = true;
  run.halt({ by: "signal", reason: "crash", who: null });
  await expect(run.outcome).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
  return { runId: run.runId, dir: run.dir };
}

test("a run is not recovered twice at once", async () => {
  await using stage = await engineStage();
  const runId = await crashAtPromotion(stage);
  const { deps } = await stage.bench();
  const tries = await Promise.allSettled(Array.from({ length: 4 }, () => startResume(runId, deps)));
  const won = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const refused = tries.flatMap((one) => (one.status === "rejected" ? [one.reason as { code: string }] : []));
  expect(won).toHaveLength(1);
  expect(refused.map(({ code }) => code)).toEqual(["RUN_LOCKED", "RUN_LOCKED", "RUN_LOCKED"]);
  await won[0]?.outcome;
  expect(await promotions(stage.world)).toEqual([`${runId}/promote/1`]);
});
