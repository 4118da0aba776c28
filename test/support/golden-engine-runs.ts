import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plan } from "../../src/drills/plan.ts";
import { StepError } from "../../src/drills/step-error.ts";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import { startRun } from "../../src/engine/execute-run.ts";
import { resumeRun } from "../../src/engine/resume-run.ts";
import type { Step } from "../../src/engine/step-contract.ts";
import { type Bench, engineBench, fakeStep, requestFor, untilStopped } from "./engine-bench.ts";
import { fullDisk } from "./engine-full-disk.ts";
import { planOf } from "./engine-plan.ts";
import { striker, strikePlan } from "./engine-strike.ts";

/** A run of the engine with steps that touch nothing: ways to end that a real drill cannot be led into at will. */
export interface EngineRun {
  readonly name: string;
  readonly plan: Plan;
  readonly steps?: readonly Step[];
  readonly deps?: Partial<EngineDeps>;
  /** Prepares the world of the bench. */
  readonly before?: (bench: Bench) => void;
  /** Breaks the journal at the begin of the write that holds the n-th record of this type; then the run is resumed. */
  readonly crashAt?: readonly [type: string, count: number];
  /** Leaves half a record behind the crash. */
  readonly torn?: boolean;
  readonly halt?: boolean;
  /** Bytes of the journal for which its disk has room. */
  readonly room?: number;
}

const short = { stopGraceMs: 50, stoppingMs: 200, cleanupMs: 2000, resourceMs: 200 };
const waits = fakeStep("test/waits", (ctx) => untilStopped(ctx));
const deaf = fakeStep("test/deaf", () => new Promise(() => {}));

function makes(name: string): Step {
  return fakeStep("test/makes", async (ctx) => {
    const { id } = await ctx.ledger.plan({ kind: "directory", title: name, ttlMs: 60_000, locator: { name } });
    await ctx.ledger.created(id, { name });
    return { kind: "done", outputs: { name } };
  });
}

function failsAtFirst(): Step {
  return fakeStep("test/flaky", (ctx) => {
    if (ctx.attempt === 1) throw new StepError("transient", "TEST_FLAKY", "not yet");
    return { kind: "done", outputs: { attempt: ctx.attempt } };
  });
}

const once = fakeStep("test/once", () => ({ kind: "done", outputs: {} }), { idempotent: false });
const check = fakeStep(
  "test/check",
  () => ({
    kind: "check",
    passed: false,
    outputs: { rows: 0 },
    check: { title: "rows", expected: "> 0", actual: "0", coverage: null },
  }),
  { role: "check" },
);
const VERIFY = { id: "check", uses: "test/check", phase: "verify", role: "check" } as const;

export const ENGINE_RUNS: readonly EngineRun[] = [
  { name: "engine-check-failed", plan: planOf([{ id: "one" }, VERIFY]), steps: [check] },
  {
    name: "engine-skipped",
    plan: planOf([{ id: "one", when: "1 > 2" }, { id: "two" }, VERIFY]),
    steps: [check],
  },
  {
    name: "engine-retried",
    plan: planOf([{ id: "flaky", uses: "test/flaky", retry: { attempts: 2, delayMs: 1, on: ["transient"] } }]),
    steps: [failsAtFirst()],
  },
  {
    name: "engine-timed-out",
    plan: planOf([{ id: "slow", uses: "test/waits", timeoutMs: 20 }]),
    steps: [waits],
  },
  {
    name: "engine-phase-deadline",
    plan: shortPhase(planOf([{ id: "slow", uses: "test/waits" }])),
    steps: [waits],
  },
  {
    name: "engine-deaf-step",
    plan: planOf([{ id: "deaf", uses: "test/deaf", timeoutMs: 20 }]),
    steps: [deaf],
  },
  {
    name: "engine-stopping-deadline",
    plan: planOf([{ id: "deaf", uses: "test/deaf" }]),
    steps: [deaf],
    deps: { limits: { ...short, stopGraceMs: 1000, stoppingMs: 50 } },
    halt: true,
  },
  { name: "engine-halted", plan: planOf([{ id: "slow", uses: "test/waits" }]), steps: [waits], halt: true },
  {
    name: "engine-guarded",
    plan: strikePlan([{ id: "look", phase: "prepare", role: "check", uses: "test/ok" }]),
    steps: [striker(), ok()],
  },
  {
    name: "engine-guard-refused",
    plan: strikePlan(),
    steps: [striker()],
    deps: { guard: { check: async () => ({ kind: "refused", message: "a test refuses" }) } },
  },
  {
    name: "engine-leftover",
    plan: planOf([{ id: "make", uses: "test/makes", creates: ["directory"] }]),
    steps: [makes("stuck")],
    before: ({ keeper }) => {
      keeper.existing.add("stuck");
      keeper.stuck.add("stuck");
    },
  },
  {
    name: "engine-cleanup-deadline",
    plan: planOf([{ id: "make", uses: "test/makes", creates: ["directory"] }]),
    steps: [makes("slow")],
    deps: { limits: { ...short, cleanupMs: 30, resourceMs: 10_000 } },
    before: ({ keeper }) => void (keeper.hang = true),
  },
  {
    name: "engine-in-doubt",
    plan: planOf([{ id: "once", uses: "test/once", idempotent: false }]),
    steps: [once],
    crashAt: ["step.succeeded", 1],
  },
  {
    name: "engine-resumed",
    plan: planOf([{ id: "one" }, { id: "two" }, VERIFY]),
    steps: [check],
    crashAt: ["step.succeeded", 2],
  },
  { name: "engine-torn", plan: planOf([{ id: "one" }, { id: "two" }]), crashAt: ["step.succeeded", 2], torn: true },
  {
    name: "engine-disk-full",
    plan: planOf([{ id: "make", uses: "test/makes", creates: ["directory"] }, { id: "two" }]),
    steps: [makes("thing")],
    room: 3000,
  },
];

function ok(): Step {
  const answer = { title: "ok", expected: "ok", actual: "ok", coverage: null };
  return fakeStep("test/ok", () => ({ kind: "check", passed: true, outputs: {}, check: answer }), { role: "check" });
}

function shortPhase(plan: Plan): Plan {
  return { ...plan, phases: plan.phases.map((phase) => ({ ...phase, timeoutMs: 30 })) };
}

/** Runs it in the folder to its end, and gives its journal. */
export async function runEngine(run: EngineRun, stateDir: string): Promise<Buffer> {
  const disk = run.room === undefined ? null : fullDisk({ bytes: run.room, reserve: 100_000 });
  const openJournal = disk === null ? {} : { openJournal: () => Promise.resolve(disk) };
  const crash = { left: run.crashAt?.[1] ?? 0 };
  const crashPoint = (at: string, about: string): void => {
    if (at !== "before-append" || run.crashAt === undefined || !about.split(" ").includes(run.crashAt[0])) return;
    crash.left -= 1;
    if (crash.left === 0) throw new Error("crash");
  };
  const bench = await engineBench({
    stateDir,
    steps: run.steps ?? [],
    deps: { limits: short, ...openJournal, ...run.deps, crashPoint },
  });
  run.before?.(bench);
  const handle = await startRun(requestFor(run.plan, run.plan.system?.name ?? null), bench.deps);
  if (run.halt === true) handle.halt({ by: "halt", reason: "a test is over", who: "ada" });
  if (run.crashAt === undefined) await handle.outcome;
  else {
    await handle.outcome.catch(() => undefined);
    if (run.torn === true) await appendFile(join(handle.dir, "journal.jsonl"), '{"boot":"half');
    await resumeRun(handle.runId, bench.deps);
  }
  return disk === null ? readFile(join(handle.dir, "journal.jsonl")) : Buffer.from(disk.text());
}
