import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { NodeSpec } from "../../../src/drills/inventory.ts";
import { nodeDatabase } from "../../../src/drills/node-database.ts";
import { killStep } from "../../../src/steps/fault/kill.ts";
import { promoteStep } from "../../../src/steps/postgres/promote.ts";
import type { ReplicationState } from "../../../src/drills/facts.ts";
import { replicaStatusStep } from "../../../src/steps/postgres/replica-status.ts";
import { runCheck, runStep } from "../../support/checks-context.ts";
import { failoverContext, failoverDeps } from "../../support/failover-context.ts";
import { type FaultScene, faultScene } from "../../support/faults-scene.ts";
import { openSession } from "../../support/pg-machine.ts";

const signal = new AbortController().signal;

/** The process that replays: while it stands still a promotion that was asked for does not happen. */
async function startupOf(scene: FaultScene, node: NodeSpec): Promise<number> {
  const { pids } = await scene.control.processes(node, false);
  const found = pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("postgres: startup"));
  if (found === undefined) throw new Error("no startup process");
  return found;
}

async function primaries({ replication, system }: FaultScene): Promise<readonly string[]> {
  const views = await replication.observe(system, system.nodes, { timeoutMs: 2000, signal });
  return views.filter(({ kind }) => kind === "primary").map(({ node }) => node.name);
}

async function untilAsked(scene: FaultScene, name: string): Promise<void> {
  await using session = await openSession(nodeDatabase(scene.system, scene.node(name)));
  for (let asked = false; !asked;) {
    const [row] = await session.query<{ there: boolean }>(
      "select (pg_stat_file('promote', true)).size is not null as there",
    );
    asked = row?.there === true;
  }
}

async function lookedAt(scene: FaultScene): Promise<ReplicationState> {
  const ctx = failoverContext(scene.ha);
  await runCheck(replicaStatusStep({ replication: scene.replication }), {}, ctx);
  const state = ctx.replication();
  if (state === null) throw new Error("nothing was recorded");
  return state;
}

describe("a promotion that was asked for and has not happened yet", () => {
  test("keeps the old primary from being started beside it", async () => {
    await using scene = await faultScene({ names: ["a", "b"] });
    const ctx = scene.context();
    await runStep(killStep(scene), {}, ctx);
    const startup = await startupOf(scene, scene.node("b"));
    process.kill(startup, "SIGSTOP");
    const halted = new AbortController();
    const promoting = scene.replication.promote(scene.system, scene.node("b"), halted.signal);
    await untilAsked(scene, "b");
    halted.abort(new Error("halted"));
    await expect(promoting).rejects.toThrow(/abort|halted|crash/u);

    const cleaned = scene.cleanUp(ctx);
    // It goes on a moment after the cleanup has looked.
    await scene.replication.observe(scene.system, scene.system.nodes, { timeoutMs: 2000, signal });
    process.kill(startup, "SIGCONT");
    expect(await cleaned).toEqual([expect.stringContaining("a does not run; standby.signal is there")]);
    for (let promoted = false; !promoted;) promoted = (await primaries(scene)).includes("b");
    expect(await primaries(scene)).toEqual(["b"]);
  });

  test("leaves the old primary down when nobody can tell how it ends", async () => {
    await using scene = await faultScene({ names: ["a", "b"] });
    const ctx = scene.context();
    await runStep(killStep(scene), {}, ctx);
    process.kill(await startupOf(scene, scene.node("b")), "SIGSTOP");
    const halted = new AbortController();
    const promoting = scene.replication.promote(scene.system, scene.node("b"), halted.signal);
    await untilAsked(scene, "b");
    halted.abort(new Error("halted"));
    await expect(promoting).rejects.toThrow(/abort|halted|crash/u);
    const [resource] = ctx.planned;
    const limit = AbortSignal.timeout(1000);
    await expect(scene.keeper.destroy(resource?.locator ?? {}, limit)).rejects.toThrow(/abort|timeout/u);
    expect(await primaries(scene)).toEqual([]);
  });

  test("is waited for after a crash, so that no other standby is promoted beside it", async () => {
    await using scene = await faultScene({ names: ["a", "b", "c"] });
    const known = await lookedAt(scene);
    await runStep(killStep(scene), {}, scene.context());
    const startup = await startupOf(scene, scene.node("b"));
    process.kill(startup, "SIGSTOP");
    const dies = new AbortController();
    const promoting = scene.replication.promote(scene.system, scene.node("b"), dies.signal);
    await untilAsked(scene, "b");
    dies.abort(new Error("crash"));
    await expect(promoting).rejects.toThrow(/abort|halted|crash/u);
    const step = promoteStep(failoverDeps(scene.ha));
    const found = step.reconcile?.(step.with.parse({}), failoverContext(scene.ha, { known }));
    await scene.replication.observe(scene.system, scene.system.nodes, { timeoutMs: 2000, signal });
    process.kill(startup, "SIGCONT");
    expect(await found).toMatchObject({ kind: "happened", outputs: { node: "b" } });
  });
});

describe("a successor that is down as well", () => {
  test("keeps the old primary down: what was acknowledged since is the successor's", async () => {
    await using scene = await faultScene({ names: ["a", "b"] });
    const [first, second] = [scene.context(), scene.context()];
    await runStep(killStep(scene), {}, first);
    await scene.promote("b");
    await runStep(killStep(scene), {}, second);
    // Cleanup begins with b; should b not start, a must not serve in its place.
    const [a] = first.planned;
    await scene.keeper.destroy(a?.locator ?? {}, signal);
    expect(await primaries(scene)).toEqual([]);
    expect(await scene.keeper.verifyGone(a?.locator ?? {}, signal)).toMatchObject({ gone: false });
    await scene.cleanUp(second);
    expect(await primaries(scene)).toEqual(["b"]);
    expect(await scene.keeper.verifyGone(a?.locator ?? {}, signal)).toMatchObject({ gone: true });
  });
});
