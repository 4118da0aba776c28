import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { SystemSnapshot } from "../../../src/drills/inventory.ts";
import { executeRun, startRun } from "../../../src/engine/execute-run.ts";
import { resumeRun } from "../../../src/engine/resume-run.ts";
import { systemWith } from "../../support/checks-context.ts";
import { engineBench, fakeStep, noop, requestFor, untilStopped } from "../../support/engine-bench.ts";
import { containing } from "../../support/engine-matchers.ts";
import type { StepParts } from "../../support/engine-plan.ts";
import { condition, striker, strikePlan } from "../../support/engine-strike.ts";

const PRODUCTION = systemWith({ environment: "production" });
const ALLOWED = { allowProduction: true };
const APPROVAL: StepParts = { id: "may-we", phase: "prepare", uses: "approval" };
const agrees = { ...noop, uses: "approval" };

interface Consents {
  readonly system?: SystemSnapshot | null;
  readonly allow?: boolean;
  readonly approval?: readonly StepParts[];
  readonly confirm?: string | null;
}

async function strikeWith(consents: Consents) {
  const { system = PRODUCTION, allow = true, approval = [APPROVAL], confirm = "orders" } = consents;
  const strike = striker();
  await using bench = await engineBench({ steps: [strike, agrees] });
  const plan = strikePlan(approval, { system, guardrails: { allowProduction: allow } });
  const { result } = await executeRun(requestFor(plan, confirm), bench.deps);
  const refusal = bench.records.find((record) => record.type === "step.guard_refused");
  return { result, struck: strike.struck(), refusal: refusal?.data.message ?? null };
}

describe("a disruptive step on production", () => {
  test("begins with all three consents", async () => {
    expect(await strikeWith({})).toMatchObject({ struck: 1, refusal: null });
  });

  test.each<readonly [string, Consents, string]>([
    ["the playbook's consent", { allow: false }, "guardrails.allowProduction"],
    ["an approval", { approval: [] }, "the approval of a person"],
    ["an approval that was asked for", { approval: [{ ...APPROVAL, when: "1 > 2" }] }, "the approval of a person"],
    ["a confirmed name", { confirm: null }, "--confirm orders"],
    ["the right name", { confirm: "order" }, "--confirm orders"],
  ])("is refused without %s, and the run ends as aborted", async (_what, consents, lacking) => {
    const { result, struck, refusal } = await strikeWith(consents);
    expect(refusal).toContain(lacking);
    expect(struck).toBe(0);
    expect(result).toMatchObject({ result: "aborted", exitCode: 4, rule: "HALTED" });
  });

  test("needs the same where nobody said what the system is", async () => {
    const system = systemWith({ environment: "unlabelled" });
    expect((await strikeWith({ system, confirm: null })).refusal).toContain("which is unlabelled");
  });

  test("elsewhere needs none of them", async () => {
    const system = systemWith({ environment: "test" });
    expect(await strikeWith({ system, allow: false, approval: [], confirm: null })).toMatchObject({ struck: 1 });
  });

  test("without a system is always refused: nobody could have agreed", async () => {
    expect(await strikeWith({ system: null })).toMatchObject({ struck: 0, refusal: containing("no system") });
  });

  test("keeps its confirmation over a resume: the journal has it", async () => {
    const dir = await mkdtemp(join(tmpdir(), "firedrill-guards-"));
    try {
      const strike = striker();
      const steps = [strike, agrees];
      const crashPoint = (stage: string, about: string): void => {
        if (stage === "after-sync" && about.includes("step.succeeded")) throw new Error("crash");
      };
      const plan = strikePlan([APPROVAL], { system: PRODUCTION, guardrails: ALLOWED });
      const first = await engineBench({ stateDir: dir, steps, deps: { crashPoint } });
      const { runId, outcome } = await startRun(requestFor(plan, "orders"), first.deps);
      await expect(outcome).rejects.toThrow("crash");
      const second = await engineBench({ stateDir: dir, steps });
      await resumeRun(runId, second.deps);
      expect(strike.struck()).toBe(1);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe("one disruptive run for a system", () => {
  const waits = fakeStep("test/strike", (ctx) => untilStopped(ctx));

  test("a second one is refused and told who the first is, before it has a folder", async () => {
    await using bench = await engineBench({ steps: [waits] });
    const first = await startRun(requestFor(strikePlan()), bench.deps);
    await expect(startRun(requestFor(strikePlan()), bench.deps)).rejects.toMatchObject({
      code: "SYSTEM_BUSY",
      message: containing(`run ${first.runId} (process ${process.pid} on test-host, since `),
      details: { run: first.runId, pid: process.pid },
    });
    first.halt({ by: "halt", reason: "enough", who: "tester" });
    await first.outcome;
    const again = await startRun(requestFor(strikePlan()), bench.deps);
    again.halt({ by: "halt", reason: "enough", who: "tester" });
    await again.outcome;
  });

  test("runs on other systems, and runs that disrupt nothing, do not wait for it", async () => {
    await using bench = await engineBench({ steps: [waits] });
    const first = await startRun(requestFor(strikePlan()), bench.deps);
    const other = await startRun(requestFor(strikePlan([], { system: systemWith({ name: "stock" }) })), bench.deps);
    const harmless = { ...strikePlan(), steps: [], phases: [] };
    expect((await executeRun(requestFor(harmless), bench.deps)).runId).not.toBe(first.runId);
    for (const run of [first, other]) {
      run.halt({ by: "halt", reason: "enough", who: "tester" });
      await run.outcome;
    }
  });

  test("a crashed run is resumed only when nobody else holds its system, and raises the epoch", async () => {
    const dir = await mkdtemp(join(tmpdir(), "firedrill-guards-"));
    try {
      const crashPoint = (stage: string, about: string): void => {
        if (stage === "after-sync" && about.includes("step.started")) throw new Error("crash");
      };
      const first = await engineBench({ stateDir: dir, steps: [waits], deps: { crashPoint } });
      const crashed = await startRun(requestFor(strikePlan()), first.deps);
      await expect(crashed.outcome).rejects.toThrow("crash");
      const second = await engineBench({ stateDir: dir, steps: [waits] });
      const other = await startRun(requestFor(strikePlan()), second.deps);
      await expect(resumeRun(crashed.runId, second.deps)).rejects.toMatchObject({ code: "SYSTEM_BUSY" });
      other.halt({ by: "halt", reason: "enough", who: "tester" });
      await other.outcome;
      const third = await engineBench({ stateDir: dir, steps: [striker()] });
      await resumeRun(crashed.runId, third.deps);
      expect(JSON.parse(await readFile(join(dir, "systems/orders/epoch.json"), "utf8"))).toMatchObject({
        epoch: 3,
        run: crashed.runId,
      });
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  test("the epoch rises with each taking", async () => {
    await using bench = await engineBench({ steps: [striker()] });
    const epochs: number[] = [];
    for (let time = 0; time < 2; time += 1) {
      await executeRun(requestFor(strikePlan()), bench.deps);
      const text = await readFile(join(bench.deps.state.root, "systems/orders/epoch.json"), "utf8");
      epochs.push((JSON.parse(text) as { epoch: number }).epoch);
    }
    expect(epochs).toEqual([1, 2]);
  });

  test.each([
    ["another run wrote a higher epoch", "epoch.json", '"epoch": 1', '"epoch": 2'],
    ["the lock's file was replaced", "lock", "", ""],
  ])("a step that asks right before it acts is told when %s", async (_what, file, from, to) => {
    let acted = false;
    const careful = fakeStep("test/strike", async (ctx) => {
      await ctx.requireCurrent();
      const path = join(bench.deps.state.root, "systems/orders", file);
      const text = await readFile(path, "utf8");
      await rm(path);
      await writeFile(path, from === "" ? "" : text.replace(from, to));
      await ctx.requireCurrent();
      acted = true;
      return { kind: "done", outputs: {} };
    });
    await using bench = await engineBench({ steps: [careful] });
    await executeRun(requestFor(strikePlan()), bench.deps);
    expect(acted).toBe(false);
    expect(bench.records.find((record) => record.type === "step.errored")).toMatchObject({
      data: { error: { code: "STALE_EPOCH", class: "permanent" } },
    });
  });

  test("a step whose guard finds the system lost does not begin", async () => {
    const strike = striker();
    const robbed = fakeStep("test/robbed", async () => {
      await rm(join(bench.deps.state.root, "systems/orders/epoch.json"));
      return { kind: "done", outputs: {} };
    });
    await using bench = await engineBench({ steps: [strike, robbed] });
    await executeRun(requestFor(strikePlan([{ id: "robbed", phase: "prepare", uses: "test/robbed" }])), bench.deps);
    expect(strike.struck()).toBe(0);
    expect(bench.records.find((record) => record.type === "step.guard_refused")).toMatchObject({
      data: { message: containing("its epoch is gone") },
    });
  });
});

describe("healthy first", () => {
  test.each([
    ["breached", "saw status 500"],
    ["unknown", "gave no answer (status 500)"],
  ] as const)("a stop condition that is %s before the first strike refuses it", async (kind, words) => {
    const strike = striker();
    const stopProbe = { evaluate: () => Promise.resolve({ kind, seen: "status 500" }) };
    await using bench = await engineBench({ steps: [strike], deps: { stopProbe } });
    const plan = strikePlan([], { guardrails: { stopWhen: [condition()] } });
    const { result } = await executeRun(requestFor(plan), bench.deps);
    expect(strike.struck()).toBe(0);
    expect(result.result).toBe("aborted");
    expect(bench.records.find((record) => record.type === "step.guard_refused")).toMatchObject({
      data: { message: containing(words) },
    });
  });

  test("later strikes are not held up by a look: guards of the recovery path ask no network", async () => {
    let looks = 0;
    const stopProbe = {
      evaluate: () => {
        looks += 1;
        return looks === 1 ? Promise.resolve({ kind: "holds" as const, seen: "200" }) : new Promise<never>(() => {});
      },
    };
    const strike = striker();
    await using bench = await engineBench({ steps: [strike], deps: { stopProbe } });
    const again: StepParts = { id: "again", phase: "recover", uses: "test/strike", effect: "disruptive" };
    const plan = strikePlan([], { guardrails: { stopWhen: [condition({ timeoutMs: 3_600_000 })] } }, [again]);
    await executeRun(requestFor(plan), bench.deps);
    expect(strike.struck()).toBe(2);
  });
});
