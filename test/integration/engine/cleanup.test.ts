import { describe, expect, test } from "vitest";
import { executeRun } from "../../../src/engine/execute-run.ts";
import type { Step } from "../../../src/engine/step-contract.ts";
import { type Bench, engineBench, fakeStep, requestFor } from "../../support/engine-bench.ts";
import { containing } from "../../support/engine-matchers.ts";
import { planOf } from "../../support/engine-plan.ts";
import { timedRun } from "../../support/engine-timed-run.ts";

/** Plans and makes these, and then does what it is told. */
function maker(names: readonly string[], bench: () => Bench, then: () => void = () => {}): Step {
  return fakeStep("test/make", async (ctx) => {
    for (const name of names) {
      const { id } = await ctx.ledger.plan({ kind: "directory", title: name, ttlMs: 1000, locator: { name } });
      bench().keeper.existing.add(name);
      await ctx.ledger.created(id, { name, port: 5432 });
    }
    then();
    return { kind: "done", outputs: {} };
  });
}

const PLAN = planOf([{ id: "a", uses: "test/make", creates: ["directory"] }]);

async function made(names: readonly string[], before: (bench: Bench) => void = () => {}) {
  let bench: Bench | null = null;
  const own = await engineBench({ steps: [maker(names, () => bench ?? own)] });
  bench = own;
  before(own);
  const outcome = await executeRun(requestFor(PLAN), own.deps);
  return { bench: own, outcome };
}

describe("cleanup", () => {
  test("removes what was made, last first, and proves it gone", async () => {
    const { bench } = await made(["one", "two", "three"]);
    await using _bench = bench;
    expect(bench.keeper.destroyed).toEqual(["three", "two", "one"]);
    expect(bench.keeper.existing.size).toBe(0);
    expect(bench.records.filter((record) => record.type === "resource.destroyed")).toMatchObject([
      { data: { verifiedBy: "three is not listed any more" } },
      { data: { verifiedBy: "two is not listed any more" } },
      { data: { verifiedBy: "one is not listed any more" } },
    ]);
  });

  test("lists what does not go away, makes the run an error, and still removes the rest", async () => {
    const { bench, outcome } = await made(["one", "two"], ({ keeper }) => void keeper.stuck.add("two"));
    await using _bench = bench;
    expect(bench.records.filter((record) => record.type === "resource.leftover")).toMatchObject([
      { data: { reason: "two is still listed" } },
    ]);
    expect(bench.records.find((record) => record.type === "cleanup.finished")).toMatchObject({
      data: { leftovers: 1 },
    });
    expect(bench.keeper.destroyed).toEqual(["two", "one"]);
    expect(outcome.result).toMatchObject({ result: "error", exitCode: 5 });
  });

  test("counts what nothing can remove as left over", async () => {
    const { bench } = await made(["one"], ({ deps }) => void Object.assign(deps, { keepers: [] }));
    await using _bench = bench;
    expect(bench.records.find((record) => record.type === "resource.leftover")).toMatchObject({
      data: { reason: "nothing here can remove a directory" },
    });
  });

  test("happens when a step breaks, also for what was planned and never made", async () => {
    const breaking = fakeStep("test/make", async (ctx) => {
      await ctx.ledger.plan({ kind: "directory", title: "planned", ttlMs: 1000, locator: { name: "planned" } });
      throw new Error("no");
    });
    await using bench = await engineBench({ steps: [breaking] });
    await executeRun(requestFor(PLAN), bench.deps);
    expect(bench.keeper.destroyed).toEqual(["planned"]);
    expect(bench.records.find((record) => record.type === "resource.destroyed")).toBeDefined();
  });

  test("finds an entry on record before the thing exists, labelled with installation, run and epoch", async () => {
    const { bench, outcome } = await made(["one"]);
    await using _bench = bench;
    const types = bench.records.map((record) => record.type);
    expect(types.indexOf("resource.planned")).toBeLessThan(types.indexOf("resource.created"));
    expect(bench.records.find((record) => record.type === "resource.planned")).toMatchObject({
      data: {
        resource: { step: "a", labels: { installation: bench.deps.state.installation, run: outcome.runId, epoch: 1 } },
      },
    });
  });
});

describe("a keeper that hangs", () => {
  test("costs its resource, after its own time, and no other", async () => {
    let bench: Bench | null = null;
    const limits = { resourceMs: 60_000 };
    const steps = [
      fakeStep("test/make", async (ctx) => {
        for (const name of ["one", "two"])
          await ctx.ledger.plan({ kind: "directory", title: name, ttlMs: 1000, locator: { name } });
        return { kind: "done", outputs: {} };
      }),
    ];
    await using run = await timedRun(PLAN, steps, { limits });
    bench = run.bench;
    bench.keeper.hang = true;
    await run.seen("cleanup.begun");
    await run.time.pass(59_999);
    expect(run.types()).not.toContain("resource.leftover");
    bench.keeper.hang = false;
    await run.time.pass(1);
    await run.seen("cleanup.finished");
    expect(bench.records.find((record) => record.type === "resource.leftover")).toMatchObject({
      data: { reason: containing("60000 ms") },
    });
    expect(bench.keeper.destroyed).toEqual(["one"]);
  });

  test("for all of cleanup ends with everything on record as left over", async () => {
    const make = fakeStep("test/make", async (ctx) => {
      for (const name of ["one", "two", "three"])
        await ctx.ledger.plan({ kind: "directory", title: name, ttlMs: 1000, locator: { name } });
      return { kind: "done", outputs: {} };
    });
    await using run = await timedRun(PLAN, [make], { limits: { cleanupMs: 5_000 } });
    run.bench.keeper.hang = true;
    await run.seen("cleanup.begun");
    await run.time.pass(5_000);
    await run.seen("cleanup.deadline_passed");
    const { result } = await run.handle.outcome;
    expect(run.types().filter((type) => type === "resource.leftover")).toHaveLength(3);
    expect(result.result).toBe("error");
  });
});
