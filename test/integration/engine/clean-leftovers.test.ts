import { describe, expect, test } from "vitest";
import { cleanState } from "../../../src/engine/clean-state.ts";
import { executeRun } from "../../../src/engine/execute-run.ts";
import { listRuns } from "../../../src/engine/list-runs.ts";
import { lockSystem } from "../../../src/engine/state/system-lease.ts";
import { systemWith } from "../../support/checks-context.ts";
import { type Bench, engineBench, fakeStep, requestFor } from "../../support/engine-bench.ts";
import { planOf } from "../../support/engine-plan.ts";

const PLAN = planOf(
  [
    { id: "look", phase: "prepare", uses: "test/noop", role: "check", effect: "read" },
    { id: "a", uses: "test/make", effect: "disruptive", creates: ["directory"] },
  ],
  { system: systemWith({ environment: "test" }) },
);
const signal = AbortSignal.timeout(30_000);

/** An ended run that has left one of its two things behind. */
async function endedRun(): Promise<Bench> {
  const make = fakeStep("test/make", async (ctx) => {
    for (const name of ["one", "two"]) {
      const { id } = await ctx.ledger.plan({ kind: "directory", title: name, ttlMs: 1000, locator: { name } });
      bench.keeper.existing.add(name);
      await ctx.ledger.created(id, { name });
    }
    return { kind: "done", outputs: {} };
  });
  const look = fakeStep("test/noop", () => ({ kind: "done", outputs: {} }));
  const bench = await engineBench({ steps: [make, look] });
  bench.keeper.stuck.add("two");
  const { result } = await executeRun(requestFor(PLAN), bench.deps);
  expect(result).toMatchObject({ result: "error", cleanup: { status: "incomplete" } });
  return bench;
}

async function openOf(bench: Bench): Promise<readonly string[]> {
  const [run] = await listRuns(bench.deps.state.root, bench.deps.clock.bootId);
  return run?.resources.map(({ title }) => title) ?? [];
}

describe("what an ended run left behind", () => {
  test("is tried again by clean until it is gone, and then never more; the record of the run stays as it was", async () => {
    await using bench = await endedRun();
    const { length } = bench.records;
    expect(await openOf(bench)).toEqual(["two"]);
    const still = await cleanState(bench.deps, signal);
    expect(still).toMatchObject({
      clean: false,
      resources: [{ kind: "leftover", title: "two", reason: "two is still listed" }],
    });

    bench.keeper.stuck.delete("two");
    const gone = await cleanState(bench.deps, signal);
    expect(gone).toMatchObject({ clean: true, resources: [{ kind: "destroyed", title: "two" }] });
    expect(await openOf(bench)).toEqual([]);
    expect(bench.keeper.existing.size).toBe(0);

    const asked = bench.keeper.destroyed.length;
    expect(await cleanState(bench.deps, signal)).toMatchObject({ clean: true, resources: [] });
    expect(bench.keeper.destroyed).toHaveLength(asked);
    expect(bench.records).toHaveLength(length);
  });

  test("is not touched while another run holds the system: it may be that run's by now", async () => {
    await using bench = await endedRun();
    bench.keeper.stuck.delete("two");
    const asked = bench.keeper.destroyed.length;
    using held = await lockSystem(bench.deps.state.root, "orders");
    expect(held).toBeDefined();
    const report = await cleanState(bench.deps, signal);
    expect(report.clean).toBe(false);
    expect(report.resources).toMatchObject([{ kind: "leftover", title: "two" }]);
    expect(bench.keeper.destroyed).toHaveLength(asked);
  });
});
