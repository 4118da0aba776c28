import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { livePostmaster } from "../../../src/databases/postgres/postmaster-file.ts";
import type { ReplicationState } from "../../../src/drills/facts.ts";
import type { SystemSnapshot } from "../../../src/drills/inventory.ts";
import { fenceStep } from "../../../src/steps/postgres/fence.ts";
import { rebuildStep } from "../../../src/steps/postgres/rebuild.ts";
import { runStep, systemWith } from "../../support/checks-context.ts";
import { clock, failoverContext, failoverDeps, nodeOf, replication } from "../../support/failover-context.ts";
import { startHaCluster } from "../../support/ha-cluster.ts";
import { faultDrivers } from "../../support/faults-scene.ts";
import { containing, listWith } from "../../support/cli-matchers.ts";

const aText: unknown = expect.any(String);

const signal = new AbortController().signal;
const known: ReplicationState = {
  kind: "replication",
  at: { wallUs: clock.wallUs(), monoUs: clock.monoUs() },
  primary: "a",
  primaryLsn: "0/1",
  timeline: 1,
  standbys: [],
};

/** What a server says while it recovers after a crash (protocol, ErrorResponse). */
function error57P03(): Buffer {
  const fields = ["SFATAL", "VFATAL", "C57P03", "Mthe database system is starting up"];
  const body = Buffer.from(`${fields.join("\0")}\0\0`);
  const head = Buffer.from([0x45, 0, 0, 0, 0]);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

describe("postgres/fence", () => {
  test("stops the old primary, frozen or not, holds it back, and shows that it takes no write", async () => {
    await using ha = await startHaCluster();
    const { dataDir } = nodeOf(ha, "a");
    const pid = await livePostmaster(dataDir ?? "");
    process.kill(pid ?? 0, "SIGSTOP");
    const ctx = failoverContext(ha, { known });
    const deps = failoverDeps(ha);
    const { outputs } = await runStep(fenceStep(deps), {}, ctx);
    expect(outputs).toMatchObject({
      node: "a",
      how: "stopped",
      proofs: listWith("it was killed", containing("ECONNREFUSED")),
    });
    expect(await livePostmaster(dataDir ?? "")).toBeNull();
    expect(ctx.recorded.facts).toMatchObject([{ kind: "fencing", node: "a", how: "stopped" }]);
    expect(ctx.planned).toMatchObject([{ kind: "fault", locator: { type: "fence", node: "a", role: "primary" } }]);
    expect(JSON.stringify(ctx.planned)).not.toContain(ha.cluster.server("a").database.password ?? "no password");
    // Whoever starts it all the same gets a server that refuses writes.
    await deps.control.start(nodeOf(ha, "a"), signal);
    expect(await replication.tryWrite(ha.system, nodeOf(ha, "a"), 1000, signal)).toMatchObject({ kind: "refused" });
  });

  test("one that is dead already is held back", async () => {
    await using ha = await startHaCluster();
    await ha.cluster.server("a").stop("immediate");
    const { outputs } = await runStep(fenceStep(failoverDeps(ha)), {}, failoverContext(ha, { known }));
    expect(outputs).toMatchObject({ how: "already_down" });
    expect(existsSync(join(nodeOf(ha, "a").dataDir ?? "", "standby.signal"))).toBe(true);
  });

  test("given time it shuts down in order", async () => {
    await using ha = await startHaCluster();
    const { outputs } = await runStep(fenceStep(failoverDeps(ha)), { grace: "20s" }, failoverContext(ha, { known }));
    expect(outputs).toMatchObject({ how: "stopped", proofs: listWith("it shut down in order") });
  });

  test("a remote one is fenced when nobody reaches it, and not when it acknowledges a write", async () => {
    await using ha = await startHaCluster();
    const remote = { ...ha.system, nodes: ha.system.nodes.map((node) => ({ ...node, dataDir: null })) };
    const step = fenceStep(failoverDeps(ha));
    const run = () => runStep(step, {}, failoverContext(ha, { known, system: remote }));
    await expect(run()).rejects.toMatchObject({ code: "FENCE_NOT_PROVEN", class: "permanent" });
    await ha.cluster.server("a").stop("immediate");
    const { outputs } = await run();
    expect(outputs).toMatchObject({
      how: "unreachable",
      proofs: [aText, aText, aText],
    });
  });

  test("a remote one of which nobody could be asked, or which is only starting, is not", async () => {
    await using ha = await startHaCluster();
    const remote = ha.system.nodes.map((node) => ({ ...node, dataDir: null }));
    const proven = (system: Partial<SystemSnapshot>, deps = failoverDeps(ha)) =>
      runStep(
        fenceStep(deps),
        { node: "a" },
        failoverContext(ha, { system: { ...ha.system, nodes: remote, ...system } }),
      );
    const unproven = { code: "FENCE_NOT_PROVEN" };
    const nowhere = remote.map((node) => ({ ...node, endpoint: { host: "a.invalid", port: 5432 } }));
    await expect(proven({ nodes: nowhere })).rejects.toMatchObject(unproven);
    const credentials = { ...ha.system.credentials, password: "file:/nonexistent/password" };
    await expect(proven({ credentials })).rejects.toMatchObject(unproven);
    // A frozen one gives no answer, which is one of a kind; one that recovers after a crash says so, and serves a moment later.
    const { control } = failoverDeps(ha);
    await control.freeze(nodeOf(ha, "a"), { supervisor: false }, signal);
    expect((await proven({})).outputs).toMatchObject({ how: "unreachable" });
    await control.thaw(nodeOf(ha, "a"));
    const starting = createServer(
      (socket) => void socket.on("data", () => socket.end(error57P03())).on("error", () => {}),
    );
    await once(starting.listen(0, "127.0.0.1"), "listening");
    const { port } = starting.address() as AddressInfo; // a TCP server's
    try {
      const recovering = remote.map((node) => ({ ...node, endpoint: { host: "127.0.0.1", port } }));
      await expect(proven({ nodes: recovering })).rejects.toMatchObject(unproven);
    } finally {
      starting.close();
    }
  });

  test("another server at its address is no proof", async () => {
    await using ha = await startHaCluster();
    await ha.cluster.server("a").stop("immediate");
    await replication.promote(ha.system, nodeOf(ha, "b"), signal);
    const nodes = ha.system.nodes.map((node) => ({ ...node, endpoint: nodeOf(ha, "b").endpoint }));
    const ctx = failoverContext(ha, { known, system: systemWith({ ...ha.system, nodes }) });
    await expect(runStep(fenceStep(failoverDeps(ha)), {}, ctx)).rejects.toMatchObject({ code: "FENCE_NOT_PROVEN" });
  });

  test("whom, has to be known", async () => {
    await using ha = await startHaCluster();
    const step = fenceStep(failoverDeps(ha));
    await expect(runStep(step, {}, failoverContext(ha))).rejects.toMatchObject({ code: "OLD_PRIMARY_UNKNOWN" });
    await expect(runStep(step, { node: "x" }, failoverContext(ha))).rejects.toMatchObject({ code: "NODE_UNKNOWN" });
  });

  test("its undoing lets the old primary go where nobody took its place, and leaves it down where somebody did", async () => {
    await using ha = await startHaCluster();
    const deps = failoverDeps(ha);
    const { keeper } = faultDrivers(`${ha.dir}/logs`);
    const fence = async () => {
      const ctx = failoverContext(ha, { known });
      await runStep(fenceStep(deps), {}, ctx);
      return ctx.planned[0]?.locator ?? {};
    };
    const abandoned = await fence();
    await keeper.destroy(abandoned, signal);
    expect(await keeper.verifyGone(abandoned, signal)).toMatchObject({ gone: true });
    expect(await replication.tryWrite(ha.system, nodeOf(ha, "a"), 1000, signal)).toEqual({ kind: "acknowledged" });

    const used = await fence();
    await replication.promote(ha.system, nodeOf(ha, "b"), signal);
    await keeper.destroy(used, signal);
    expect(await keeper.verifyGone(used, signal)).toMatchObject({ gone: true });
    expect(await deps.control.running(nodeOf(ha, "a"))).toBe(false);

    // Rebuilt, it is a standby like any other, and another undoing takes nothing from it.
    await runStep(rebuildStep(deps), {}, failoverContext(ha));
    await keeper.destroy(used, signal);
    expect(await deps.control.heldBack(nodeOf(ha, "a"))).toBe(true);
    expect(await deps.control.running(nodeOf(ha, "a"))).toBe(true);
  });
});
