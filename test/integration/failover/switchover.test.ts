import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { livePostmaster } from "../../../src/databases/postgres/postmaster-file.ts";
import { nodeDatabase } from "../../../src/drills/node-database.ts";
import type { ReplicationState } from "../../../src/drills/facts.ts";
import { replicaStatusStep } from "../../../src/steps/postgres/replica-status.ts";
import { switchoverStep } from "../../../src/steps/postgres/switchover.ts";
import { runCheck, runStep } from "../../support/checks-context.ts";
import { failoverContext, failoverDeps, nodeOf, replication } from "../../support/failover-context.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { openSession } from "../../support/pg-machine.ts";
import { objectWith } from "../../support/cli-matchers.ts";

const signal = new AbortController().signal;

async function roles(ha: HaCluster): Promise<readonly string[]> {
  const views = await replication.observe(ha.system, ha.system.nodes, { timeoutMs: 2000, signal });
  return views.map(({ node, kind }) => `${node.name} ${kind}`);
}

async function stateOf(ha: HaCluster): Promise<ReplicationState> {
  const ctx = failoverContext(ha);
  await runCheck(replicaStatusStep({ replication }), {}, ctx);
  const state = ctx.replication();
  if (state === null) throw new Error("nothing was recorded");
  return state;
}

/** Writes numbers one after the other to whoever takes them, until told to stop; gives those that were acknowledged. */
function writer(ha: HaCluster) {
  const acknowledged: number[] = [];
  const state = { goesOn: true };
  const insert = async (node: string, from: number): Promise<void> => {
    await using session = await openSession(nodeDatabase(ha.system, nodeOf(ha, node)));
    for (let id = from; state.goesOn; id += 1) {
      await session.query("insert into written values ($1)", [id]);
      acknowledged.push(id);
    }
  };
  const run = async (): Promise<void> => {
    // A number whose answer did not come is not sent again: another one is taken.
    for (let base = 1; state.goesOn; base += 1_000_000)
      for (const node of ["a", "b", "c"])
        await insert(node, base + node.charCodeAt(0) * 100_000_000).catch(() => undefined);
  };
  const done = run();
  return {
    acknowledged,
    stop: async () => {
      state.goesOn = false;
      await done;
    },
  };
}

/** Before the second act, which is the shutdown: after the target was chosen and the checkpoint was written. */
function beforeShutdown(act: () => Promise<void>): () => Promise<void> {
  let count = 0;
  return async () => {
    count += 1;
    if (count === 2) await act();
  };
}

/** A server with a process that never ends cannot shut down in order. */
async function freezeSender(ha: HaCluster): Promise<void> {
  await using session = await ha.session("a");
  const [row] = await session.query<{ pid: number }>("select pid from pg_stat_replication limit 1");
  process.kill(row?.pid ?? 0, "SIGSTOP");
}

describe("postgres/switchover", () => {
  test("under writes: every acknowledged row is there once, the old primary and the others follow", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"] });
    {
      await using session = await ha.session("a");
      await session.query("create table written (id bigint)");
    }
    const writes = writer(ha);
    const ctx = failoverContext(ha);
    const { outputs } = await runStep(switchoverStep(failoverDeps(ha)), { to: "b" }, ctx);
    expect(outputs).toMatchObject({ node: "b", timeline: 2 });
    await writes.stop();
    await using session = await ha.session("b");
    const rows = await session.query<{ id: string }>("select id::text as id from written");
    const there = rows.map(({ id }) => Number(id));
    expect(new Set(there).size).toBe(there.length);
    expect(writes.acknowledged.filter((id) => !there.includes(id))).toEqual([]);
    expect(writes.acknowledged.length).toBeGreaterThan(0);
    expect(ctx.recorded.facts.map(({ kind }) => kind)).toEqual(["service", "promotion", "rebuild"]);
    expect(ctx.recorded.facts).toContainEqual(objectWith({ kind: "rebuild", node: "a", method: "followed" }));
    expect(ctx.recorded.deviations).toEqual([]);
    await replication.follow(ha.system, nodeOf(ha, "c"), nodeOf(ha, "b"), signal);
    expect(await roles(ha)).toEqual(["a standby", "b primary", "c standby"]);

    // And back again, as the end of a drill may want it.
    const back = failoverContext(ha);
    await runStep(switchoverStep(failoverDeps(ha)), { to: "a" }, back);
    expect((await stateOf(ha)).timeline).toBe(3);
  });

  test("a primary that does not shut down in order stays the primary", async () => {
    await using ha = await startHaCluster();
    const ctx = failoverContext(ha, { onAct: beforeShutdown(() => freezeSender(ha)) });
    const run = runStep(switchoverStep(failoverDeps(ha)), { grace: "20s" }, ctx);
    await expect(run).rejects.toMatchObject({ code: "SWITCHOVER_NOT_CLEAN", class: "subject" });
    expect(await roles(ha)).toEqual(["a primary", "b standby"]);
    expect(existsSync(join(nodeOf(ha, "a").dataDir ?? "", "standby.signal"))).toBe(false);
    expect(await replication.tryWrite(ha.system, nodeOf(ha, "a"), 1000, signal)).toEqual({ kind: "acknowledged" });
    expect(ctx.recorded.facts).toEqual([]);
  });

  test("forced, it is killed and the standby promoted, which is said", async () => {
    await using ha = await startHaCluster();
    const ctx = failoverContext(ha, { onAct: beforeShutdown(() => freezeSender(ha)) });
    const { outputs } = await runStep(switchoverStep(failoverDeps(ha)), { force: true }, ctx);
    expect(outputs).toMatchObject({ node: "b" });
    expect(ctx.recorded.deviations).toEqual(["SWITCHOVER_FORCED"]);
    expect(await roles(ha)).toEqual(["a standby", "b primary"]);
  });

  test("forced with more to lose than is allowed, it stays the primary", async () => {
    await using ha = await startHaCluster();
    const act = async (): Promise<void> => {
      await freezeSender(ha);
      await using session = await ha.session("a");
      await session.query("create table lost as select repeat('x', 1000) as t from generate_series(1, 200)");
    };
    const deps = failoverDeps(ha, "0/5000000");
    const traffic = {} as never; // only that there is one counts
    const ctx = failoverContext(ha, { traffic, onAct: beforeShutdown(act) });
    const run = runStep(switchoverStep(deps), { force: true, maxLag: "64kB" }, ctx);
    await expect(run).rejects.toMatchObject({ code: "PROMOTE_TOO_FAR_BEHIND" });
    expect(await roles(ha)).toEqual(["a primary", "b standby"]);
  });

  test("a standby that did not receive the rest is not promoted, and the old primary comes back", async () => {
    await using ha = await startHaCluster();
    const cutOff = async (): Promise<void> => {
      await using standby = await ha.session("b");
      await standby.query("alter system set primary_conninfo = ''");
      await standby.query("select pg_reload_conf()");
      for (let cut = false; !cut;) cut = (await standby.query("select from pg_stat_wal_receiver")).length === 0;
      await using primary = await ha.session("a");
      await primary.query("create table unsent ()");
    };
    const ctx = failoverContext(ha, { onAct: beforeShutdown(cutOff) });
    const run = runStep(switchoverStep(failoverDeps(ha)), {}, ctx);
    await expect(run).rejects.toMatchObject({ code: "SWITCHOVER_INCOMPLETE", class: "subject" });
    expect(await roles(ha)).toEqual(["a primary", "b standby"]);
    expect(ctx.planned).toMatchObject([{ kind: "fault", locator: { type: "fence", node: "a" } }]);
  });

  test("what is not ready is refused before anything is touched", async () => {
    await using ha = await startHaCluster();
    const pid = await livePostmaster(nodeOf(ha, "a").dataDir ?? "");
    const step = switchoverStep(failoverDeps(ha));
    {
      await using standby = await ha.session("b");
      await standby.query("select pg_wal_replay_pause()");
      await expect(runStep(step, {}, failoverContext(ha))).rejects.toMatchObject({ code: "SWITCHOVER_NOT_READY" });
      await standby.query("select pg_wal_replay_resume()");
    }
    const remote = { ...ha.system, nodes: ha.system.nodes.map((node) => ({ ...node, dataDir: null })) };
    await expect(runStep(step, {}, failoverContext(ha, { system: remote }))).rejects.toMatchObject({
      code: "NODE_NOT_LOCAL",
    });
    await ha.cluster.server("b").stop("immediate");
    await expect(runStep(step, {}, failoverContext(ha))).rejects.toMatchObject({ code: "PROMOTE_NO_STANDBY" });
    expect(await livePostmaster(nodeOf(ha, "a").dataDir ?? "")).toBe(pid);
  });

  test("after a crash the nodes are asked", async () => {
    await using ha = await startHaCluster();
    const step = switchoverStep(failoverDeps(ha));
    const known = await stateOf(ha);
    const reconcile = (ctx: ReturnType<typeof failoverContext>) => step.reconcile?.(step.with.parse({}), ctx);
    expect(await reconcile(failoverContext(ha, { known }))).toEqual({ kind: "did_not_happen" });
    await ha.cluster.server("a").stop("fast");
    // Stopped and nobody promoted: the ledger's fence brings it back, or a person decides.
    expect(await reconcile(failoverContext(ha, { known }))).toMatchObject({ kind: "unknown" });
    await replication.promote(ha.system, nodeOf(ha, "b"), signal);
    const ctx = failoverContext(ha, { known });
    expect(await reconcile(ctx)).toMatchObject({ kind: "happened", outputs: { node: "b", timeline: 2 } });
    expect(ctx.recorded.deviations).toEqual([]);
    expect(await roles(ha), "what the dead orchestrator still owed").toEqual(["a standby", "b primary"]);
  });
});
