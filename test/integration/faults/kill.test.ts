import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeDatabase } from "../../../src/drills/node-database.ts";
import { freezeStep } from "../../../src/steps/fault/freeze.ts";
import type { NodeControl } from "../../../src/steps/ports/node-control.ts";
import { killStep } from "../../../src/steps/fault/kill.ts";
import { runStep } from "../../support/checks-context.ts";
import { type FaultScene, faultScene } from "../../support/faults-scene.ts";
import { openSession } from "../../support/pg-machine.ts";

const signal = new AbortController().signal;
const never = (): Promise<void> => Promise.reject(new Error("another orchestrator holds the system"));

async function kinds({ replication, system }: FaultScene): Promise<readonly string[]> {
  const views = await replication.observe(system, system.nodes, { timeoutMs: 2000, signal });
  return views.map(({ kind, node }) => `${node.name} ${kind}`);
}

describe("a killed primary", () => {
  let scene: FaultScene;
  beforeAll(async () => void (scene = await faultScene({ names: ["a", "b"] })));
  afterAll(() => scene[Symbol.asyncDispose]());

  test("refuses connections, T0 is when its last process was gone, and without a successor it serves again afterwards", async () => {
    await using before = await openSession(nodeDatabase(scene.system, scene.node("a")));
    await before.query("create table kept (n int)");
    await before.query("insert into kept values (42)");
    const ctx = scene.context();
    const result = await runStep(killStep(scene), {}, ctx);

    expect(result.outputs).toMatchObject({ node: "a" });
    const [fact] = ctx.recorded.facts;
    const [t0] = ctx.recorded.marks;
    expect(fact).toMatchObject({ kind: "injection", fault: "fault/kill", node: "a" });
    if (fact?.kind !== "injection") throw new Error("no injection");
    expect(t0).toMatchObject({ mark: "T0", ...fact.done, source: "orchestrator" });
    expect(t0?.resolutionUs).toBe(fact.done.monoUs - fact.begun.monoUs);
    await expect(openSession(nodeDatabase(scene.system, scene.node("a")))).rejects.toThrow("ECONNREFUSED");

    expect(await scene.cleanUp(ctx)).toEqual(["/proc: a runs; asked: a primary, b standby"]);
    await using after = await openSession(nodeDatabase(scene.system, scene.node("a")));
    expect(await after.query("select n from kept")).toEqual([{ n: 42 }]);
  });

  test("outside of the disaster, and when T0 stands already, sets no T0", async () => {
    const prepare = scene.context({ phase: "prepare" });
    await runStep(killStep(scene), { node: "b" }, prepare);
    expect(prepare.recorded.marks).toEqual([]);
    await scene.cleanUp(prepare);
    const t0 = { mark: "T0", wallUs: 1, monoUs: 1, source: "orchestrator", resolutionUs: 0, note: null } as const;
    const second = scene.context({ marks: [t0] });
    await runStep(killStep(scene), { node: "b" }, second);
    expect(second.recorded.marks).toEqual([t0]);
    await scene.cleanUp(second);
    expect(await kinds(scene)).toEqual(["a primary", "b standby"]);
  });

  test("an orchestrator that has lost the system kills nothing", async () => {
    const ctx = scene.context({ requireCurrent: never });
    await expect(runStep(killStep(scene), {}, ctx)).rejects.toThrow("another orchestrator");
    expect(await kinds(scene)).toEqual(["a primary", "b standby"]);
    expect(ctx.planned).toHaveLength(1);
  });

  test("after a crash before the kill it did not happen, after one behind it it did, with a T0 that says how unsure it is", async () => {
    const input = killStep(scene).with.parse({});
    const step = killStep(scene);
    const untouched = scene.context({ attempt: 2 });
    expect(await step.reconcile?.(input, untouched)).toEqual({ kind: "did_not_happen" });

    // The crash: the note of the intent is there, the kill happened, nothing was recorded.
    const dying = scene.context({ attempt: 3 });
    const control: NodeControl = {
      ...scene.control,
      kill: async (...args) => {
        await scene.control.kill(...args);
        throw new Error("crash");
      },
    };
    await expect(runStep(killStep({ ...scene, control }), {}, dying)).rejects.toThrow("crash");
    const resumed = scene.context({ attempt: 3 });
    expect(await step.reconcile?.(input, resumed)).toMatchObject({ kind: "happened", outputs: { node: "a" } });
    const [t0] = resumed.recorded.marks;
    const [fact] = resumed.recorded.facts;
    if (fact?.kind !== "injection") throw new Error("no injection");
    expect(t0).toMatchObject({ mark: "T0", resolutionUs: fact.done.monoUs - fact.begun.monoUs });
    await scene.cleanUp(dying);

    // Started again by cleanup, it has other processes: the kill stays one that happened.
    expect(await step.reconcile?.(input, scene.context({ attempt: 3 }))).toMatchObject({ kind: "happened" });
    // A note whose processes run: the crash came before the kill.
    const early = { ...scene.control, kill: () => Promise.reject(new Error("crash")) };
    const before = scene.context({ attempt: 4 });
    await expect(runStep(killStep({ ...scene, control: early }), {}, before)).rejects.toThrow("crash");
    expect(await step.reconcile?.(input, scene.context({ attempt: 4 }))).toEqual({ kind: "did_not_happen" });
  });
});

test("a killed primary that was superseded stays down, and whoever starts it gets a standby", async () => {
  await using scene = await faultScene({ names: ["a", "b"] });
  const ctx = scene.context();
  await runStep(killStep(scene), { node: "a" }, ctx);
  await scene.promote("b");
  expect(await scene.cleanUp(ctx)).toEqual([
    "/proc: a does not run; standby.signal is there; asked: a unreachable, b primary",
  ]);
  await scene.control.start(scene.node("a"), signal);
  expect(await kinds(scene)).toEqual(["a standby", "b primary"]);
  // Rebuilt as a standby in the meantime, it is left alone.
  expect(await scene.cleanUp(ctx)).toEqual(["/proc: a runs; asked: a standby, b primary"]);
});

test("while it cannot be told who is the primary a killed one stays down, and is left over", async () => {
  await using scene = await faultScene({ names: ["a", "b"] });
  const frozen = scene.context();
  const killed = scene.context();
  await runStep(freezeStep(scene), { node: "b" }, frozen);
  await runStep(killStep(scene), { node: "a" }, killed);
  await expect(scene.cleanUp(killed)).rejects.toThrow(
    /the kill of a stays as it is: it cannot be told .*b: no answer/u,
  );
  expect(await scene.control.running(scene.node("a"))).toBe(false);
  await scene.cleanUp(frozen);
  expect(await scene.cleanUp(killed)).toEqual(["/proc: a runs; asked: a primary, b standby"]);
});

test("without a primary, with two, or with an unknown name there is no target, and nothing is planned", async () => {
  await using scene = await faultScene({ names: ["a", "b"] });
  const ctx = scene.context();
  await expect(runStep(killStep(scene), { node: "z" }, ctx)).rejects.toThrow(
    "the system has no node z: a is primary, b is standby",
  );
  await scene.promote("b");
  await expect(runStep(killStep(scene), {}, ctx)).rejects.toThrow(
    "more than one server answers as the primary: a is primary, b is primary",
  );
  await scene.control.stop(scene.node("a"), "immediate", 5000, signal);
  await scene.control.stop(scene.node("b"), "immediate", 5000, signal);
  await expect(runStep(killStep(scene), {}, ctx)).rejects.toThrow("no server answers as the primary: a is unreachable");
  await expect(runStep(killStep(scene), { node: "a" }, ctx)).rejects.toMatchObject({ code: "NODE_DOWN" });
  const remote = { ...scene.system, nodes: scene.system.nodes.map((node) => ({ ...node, dataDir: null })) };
  const far = scene.context({ system: remote });
  await expect(runStep(killStep(scene), { node: "a" }, far)).rejects.toMatchObject({ code: "NODE_NOT_LOCAL" });
});
