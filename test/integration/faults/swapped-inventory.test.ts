import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SystemSnapshot } from "../../../src/drills/inventory.ts";
import { killStep } from "../../../src/steps/fault/kill.ts";
import { fenceStep } from "../../../src/steps/postgres/fence.ts";
import { rebuildStep } from "../../../src/steps/postgres/rebuild.ts";
import { switchoverStep } from "../../../src/steps/postgres/switchover.ts";
import { runStep } from "../../support/checks-context.ts";
import { failoverContext, failoverDeps } from "../../support/failover-context.ts";
import { type FaultScene, faultScene } from "../../support/faults-scene.ts";

const signal = new AbortController().signal;

/** Two lines of the inventory changed places: each node has the other one's data directory. */
describe("an inventory whose data directories are mixed up", () => {
  let scene: FaultScene;
  let swapped: SystemSnapshot;
  beforeAll(async () => {
    scene = await faultScene({ names: ["a", "b"] });
    const [a, b] = [scene.node("a"), scene.node("b")];
    swapped = {
      ...scene.system,
      nodes: [
        { ...a, dataDir: b.dataDir },
        { ...b, dataDir: a.dataDir },
      ],
    };
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  const mismatch = { code: "NODE_MISMATCH", class: "permanent" };
  async function roles(): Promise<readonly string[]> {
    const views = await scene.replication.observe(scene.system, scene.system.nodes, { timeoutMs: 2000, signal });
    return views.map(({ kind, node }) => `${node.name} ${kind}`);
  }

  test("the wrong server is not killed", async () => {
    const ctx = scene.context({ system: swapped });
    await expect(runStep(killStep(scene), { node: "primary" }, ctx)).rejects.toMatchObject(mismatch);
    expect(ctx.planned).toEqual([]);
    expect(await roles()).toEqual(["a primary", "b standby"]);
  });

  test("nor fenced, switched over or rebuilt: no copy over the primary's data", async () => {
    const ha = { ...scene.ha, system: swapped };
    const deps = failoverDeps(scene.ha);
    const fencing = runStep(fenceStep(deps), { node: "b" }, failoverContext(ha));
    await expect(fencing).rejects.toMatchObject(mismatch);
    await expect(runStep(switchoverStep(deps), {}, failoverContext(ha))).rejects.toMatchObject(mismatch);
    // A standby that does not answer: then nobody says which server is in its data directory.
    await scene.control.kill(scene.node("b"), { supervisor: false }, signal);
    await expect(runStep(rebuildStep(deps), { node: "b" }, failoverContext(ha))).rejects.toMatchObject(mismatch);
    expect(await roles()).toEqual(["a primary", "b unreachable"]);
  });
});
