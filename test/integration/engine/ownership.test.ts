import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cleanState } from "../../../src/engine/clean-state.ts";
import { executeRun } from "../../../src/engine/execute-run.ts";
import { haltRun } from "../../../src/engine/halt-runs.ts";
import { listRuns, showRun } from "../../../src/engine/list-runs.ts";
import { resumeRun } from "../../../src/engine/resume-run.ts";
import { tryLock } from "../../../src/engine/state/exclusive-lock.ts";
import { openState, runDir } from "../../../src/engine/state/state-directory.ts";
import { engineBench, fakeStep, requestFor, untilStopped } from "../../support/engine-bench.ts";
import { containing } from "../../support/engine-matchers.ts";
import { planOf } from "../../support/engine-plan.ts";
import { engineStage, type Stage } from "../../support/engine-processes.ts";
import { memoryJournal } from "../../support/engine-memory-journal.ts";
import { things } from "../../support/engine-world.ts";

const signal = AbortSignal.timeout(120_000);

async function waitingRun(stage: Stage) {
  const running = await stage.start("waiting");
  for (;;) {
    if ((await things(stage.world)).length > 0) return running;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("two orchestrators on one run", () => {
  test("the second one is told who the first one is", async () => {
    await using stage = await engineStage();
    const { child, runId } = await waitingRun(stage);
    const bench = await stage.bench();
    await expect(resumeRun(runId, bench.deps)).rejects.toMatchObject({
      code: "RUN_LOCKED",
      message: containing(`process ${child.pid} on test-host`),
      details: { pid: child.pid, host: "test-host" },
    });
    expect(await things(stage.world)).toHaveLength(1);
  });

  test("the lock dies with its holder, however it is killed", async () => {
    await using stage = await engineStage();
    const { child, runId, ended } = await waitingRun(stage);
    const lock = join(runDir(stage.state, runId), "owner.lock");
    expect(tryLock(lock)).toBeNull();
    child.kill("SIGKILL");
    await ended;
    const held = tryLock(lock);
    expect(held).not.toBeNull();
    held?.[Symbol.dispose]();
  });

  test("in one process exclude each other too", async () => {
    await using stage = await engineStage();
    using _first = tryLock(join(stage.state, "a.lock"));
    expect(_first).not.toBeNull();
    expect(tryLock(join(stage.state, "a.lock"))).toBeNull();
  });
});

describe("a halt from another process", () => {
  test("reaches the orchestrator, which cleans up", async () => {
    await using stage = await engineStage();
    const { runId, ended } = await waitingRun(stage);
    const bench = await stage.bench();
    await haltRun(stage.state, runId, { who: "ada", reason: "enough" }, bench.deps.clock);
    expect(await ended).toBeNull();
    expect(await things(stage.world)).toEqual([]);
    const { result, records } = await showRun(stage.state, runId, bench.deps.clock.bootId);
    expect(result.result).toBe("aborted");
    expect(records.find((record) => record.type === "run.halted")).toMatchObject({
      data: { by: "halt", who: "ada", reason: "enough" },
    });
  });
});

describe("clean", () => {
  test("finishes the run of a dead orchestrator on its own record, and leaves a living one's alone", async () => {
    await using stage = await engineStage();
    const dead = await stage.killed("world", "before-effect", "promote", "1");
    const living = await waitingRun(stage);
    const bench = await stage.bench();
    const before = await listRuns(stage.state, bench.deps.clock.bootId);
    expect(new Map(before.map(({ runId, status }) => [runId, status]))).toEqual(
      new Map([
        [dead, "crashed"],
        [living.runId, "running"],
      ]),
    );
    expect(before.find((run) => run.runId === dead)?.resources).toMatchObject([
      { kind: "directory", title: "thing-1" },
    ]);

    const report = await cleanState(bench.deps, signal);
    expect(report.runs.toSorted((a, b) => a.kind.localeCompare(b.kind))).toMatchObject([
      { kind: "finished", runId: dead, leftovers: 0 },
      { kind: "running", runId: living.runId },
    ]);
    expect(report.clean).toBe(true);
    const { result, records } = await showRun(stage.state, dead, bench.deps.clock.bootId);
    expect(result).toMatchObject({ result: "aborted", cleanup: { status: "verified" } });
    expect(records.map((record) => record.type)).toContain("run.finished");
    expect(records.find((record) => record.type === "run.halted")).toMatchObject({ data: { by: "recovery" } });
  });

  test("removes what bears our id and has no owner, and leaves another installation's, however similar", async () => {
    await using stage = await engineStage();
    const bench = await stage.bench();
    const { installation } = bench.deps.state;
    await mkdir(join(stage.world, "things"));
    const write = (name: string, owner: string): Promise<void> =>
      writeFile(
        join(stage.world, "things", name),
        JSON.stringify({ installation: owner, run: "20200101-000000-aaaa" }),
      );
    await write("ours", installation);
    await write("foreign", `${installation}x`);
    const report = await cleanState(bench.deps, signal);
    expect(report.resources).toMatchObject([{ kind: "destroyed", title: "ours" }]);
    expect(await things(stage.world)).toEqual(["foreign"]);
  });

  test("keeps what has a living owner and reports what does not go away", async () => {
    await using bench = await engineBench();
    const found = (title: string, ownerAlive: boolean) => ({
      run: "20200101-000000-aaaa",
      title,
      locator: { name: title },
      ownerAlive,
    });
    bench.keeper.found.push(found("alive", true), found("stuck", false), found("gone", false));
    for (const name of ["alive", "stuck", "gone"]) bench.keeper.existing.add(name);
    bench.keeper.stuck.add("stuck");
    const report = await cleanState(bench.deps, signal);
    expect(report.resources.map(({ title, kind }) => [title, kind])).toEqual([
      ["alive", "kept"],
      ["stuck", "leftover"],
      ["gone", "destroyed"],
    ]);
    expect(report.clean).toBe(false);
    expect(bench.keeper.destroyed).not.toContain("alive");
  });

  test("removes the folder of a run that never began, but not of one that is just beginning", async () => {
    await using bench = await engineBench();
    const { root } = bench.deps.state;
    const [old, young] = ["20200101-000000-aaaa", "20200101-000000-bbbb"];
    await mkdir(runDir(root, old ?? ""));
    await writeFile(join(runDir(root, old ?? ""), "journal.jsonl"), "");
    await mkdir(runDir(root, young ?? ""));
    const report = await cleanState(bench.deps, signal);
    expect(report.runs).toMatchObject([
      { kind: "removed", runId: old },
      { kind: "running", runId: young },
    ]);
    expect(await readdir(join(root, "runs"))).toEqual([young]);
    await utimes(runDir(root, young ?? ""), 0, 0);
  });

  test("does what it can when one journal is damaged, and says which", async () => {
    await using stage = await engineStage();
    const damaged = await stage.killed("world", "before-effect", "promote", "1");
    const journal = join(runDir(stage.state, damaged), "journal.jsonl");
    await writeFile(journal, (await readFile(journal, "utf8")).replace('"attempt":1', '"attempt":2'));
    const report = await cleanState((await stage.bench()).deps, signal);
    expect(report.runs).toMatchObject([{ kind: "failed", runId: damaged, code: "JOURNAL_DAMAGED" }]);
    expect(report.resources).toMatchObject([{ kind: "destroyed", title: "thing-1" }]);
    expect(report.clean).toBe(false);
  });
});

describe("a journal that cannot be written", () => {
  test.each([{ syncAt: 3 }, { writeAt: 4 }])(
    "ends the run at once, tells its steps to stop and acknowledges nothing: %o",
    async (fail) => {
      let told = false;
      const beating = fakeStep("test/beating", async (ctx) => {
        for (let open = true; open;)
          open = await ctx.deviation("BEAT", "still here").then(
            () => true,
            () => false,
          );
        return untilStopped(ctx);
      });
      const waiting = fakeStep("test/waiting", async (ctx) => {
        return untilStopped(ctx).finally(() => void (told = true));
      });
      await using bench = await engineBench({
        steps: [beating, waiting],
        deps: { openJournal: () => Promise.resolve(memoryJournal(fail)) },
      });
      await expect(
        executeRun(
          requestFor(
            planOf([
              { id: "a", uses: "test/beating", needs: [] },
              { id: "b", uses: "test/waiting", needs: [] },
            ]),
          ),
          bench.deps,
        ),
      ).rejects.toMatchObject({ code: "JOURNAL_FAILED" });
      expect(told).toBe(true);
      expect(bench.records.map((record) => record.type)).not.toContain("run.finished");
      const [summary] = await listRuns(bench.deps.state.root, "another-boot");
      expect(summary?.status).toBe("crashed");
    },
  );
});

describe("the state directory", () => {
  test("is closed to others, except for the way to the sandboxes", async () => {
    await using stage = await engineStage();
    const bench = await engineBench({ stateDir: join(stage.state, "new") });
    const { dir } = await executeRun(requestFor(planOf([{ id: "a" }])), bench.deps);
    const { root } = bench.deps.state;
    const mode = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);
    expect(await Promise.all([root, join(root, "sandboxes"), join(root, "runs"), dir].map(mode))).toEqual([
      "711",
      "711",
      "700",
      "700",
    ]);
    const files = (await readdir(dir)).toSorted();
    expect(files).toEqual([
      "durable.json",
      "journal.jsonl",
      "owner.json",
      "owner.lock",
      "plan.json",
      "playbook.yaml",
      "result.json",
    ]);
    expect(
      new Set(await Promise.all(files.filter((name) => name !== "owner.lock").map((name) => mode(join(dir, name))))),
    ).toEqual(new Set(["600"]));
  });

  test("keeps its id, and refuses a version it does not know", async () => {
    await using bench = await engineBench();
    const { root, installation } = bench.deps.state;
    expect((await openState(root, bench.deps.random)).installation).toBe(installation);
    await writeFile(
      join(root, "installation.json"),
      JSON.stringify({ schemaVersion: "firedrill/installation/v9", id: installation }),
    );
    await expect(openState(root, bench.deps.random)).rejects.toMatchObject({ code: "STATE_VERSION" });
    await writeFile(join(root, "installation.json"), "{");
    await expect(openState(root, bench.deps.random)).rejects.toMatchObject({ code: "STATE_UNREADABLE" });
  });

  test("opened by several at once has one id", async () => {
    await using stage = await engineStage();
    const opened = await Promise.all(
      Array.from({ length: 8 }, (_, index) => openState(stage.state, () => new Uint8Array(12).fill(index))),
    );
    expect(new Set(opened.map((state) => state.installation)).size).toBe(1);
  });
});
