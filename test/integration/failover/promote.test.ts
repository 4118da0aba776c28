import { describe, expect, test } from "vitest";
import type { Promotion, ReplicationState } from "../../../src/drills/facts.ts";
import { fenceStep } from "../../../src/steps/postgres/fence.ts";
import { promoteStep } from "../../../src/steps/postgres/promote.ts";
import { replicaStatusStep } from "../../../src/steps/postgres/replica-status.ts";
import { runCheck, runStep } from "../../support/checks-context.ts";
import {
  type FailoverContext,
  failoverContext,
  failoverDeps,
  nodeOf,
  replication,
} from "../../support/failover-context.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { containing, matching } from "../../support/cli-matchers.ts";

const aNumber: unknown = expect.any(Number);

const signal = new AbortController().signal;

async function lookedAt(ha: HaCluster): Promise<ReplicationState> {
  const ctx = failoverContext(ha);
  await runCheck(replicaStatusStep({ replication }), {}, ctx);
  const state = ctx.replication();
  if (state === null) throw new Error("replica-status recorded nothing");
  return state;
}

/** Cuts a standby off and then writes: it stays behind by what the others receive. */
async function leaveBehind(ha: HaCluster, name: string, rows: number): Promise<void> {
  await using standby = await ha.session(name);
  await standby.query("alter system set primary_conninfo = ''");
  await standby.query("select pg_reload_conf()");
  for (let cut = false; !cut;) cut = (await standby.query("select from pg_stat_wal_receiver")).length === 0;
  await using primary = await ha.session("a");
  await primary.query(`create table if not exists filler (t text)`);
  await primary.query(`insert into filler select repeat('x', 1000) from generate_series(1, ${rows})`);
}

/** Every standby but those that were cut off has what the primary wrote. */
async function caughtUp(ha: HaCluster, names: readonly string[]): Promise<void> {
  await using primary = await ha.session("a");
  const [row] = await primary.query<{ lsn: string }>("select pg_current_wal_lsn()::text as lsn");
  for (const name of names) {
    await using session = await ha.session(name);
    for (let there = false; !there;) {
      const [answer] = await session.query<{ there: boolean }>(
        "select pg_last_wal_receive_lsn() >= $1::pg_lsn as there",
        [row?.lsn],
      );
      there = answer?.there === true;
    }
  }
}

/** Stopped, not dead: it takes connections by the kernel's backlog and never answers. */
async function frozen(ha: HaCluster, name: string) {
  const { control } = failoverDeps(ha);
  const node = nodeOf(ha, name);
  await control.freeze(node, { supervisor: false }, signal);
  return { node: name, [Symbol.asyncDispose]: () => control.thaw(node) };
}

const promotion = (ctx: FailoverContext): Promotion | undefined =>
  ctx.recorded.facts.find((fact) => fact.kind === "promotion");

describe("postgres/promote", () => {
  test("takes the standby that has received most, says why, marks the service, and the others follow it", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c", "d"] });
    await leaveBehind(ha, "b", 100);
    await caughtUp(ha, ["c", "d"]);
    const known = await lookedAt(ha);
    await ha.cluster.server("a").stop("immediate");

    const ctx = failoverContext(ha, { known });
    const { outputs } = await runStep(promoteStep(failoverDeps(ha)), {}, ctx);
    // `c` and `d` are equal: the order of the inventory decides.
    expect(outputs).toMatchObject({ node: "c", timeline: 2, database: { port: nodeOf(ha, "c").endpoint.port } });
    expect(promotion(ctx)).toMatchObject({
      node: "c",
      reason: matching(/^received most: .* as 1 other; first of them/u),
      knownLsn: { lsn: known.primaryLsn, from: "replica-status" },
      fromTimeline: 1,
      toTimeline: 2,
      candidates: [
        { node: "a", unfit: containing("does not answer") },
        { node: "b", unfit: null, lagBytes: aNumber },
        { node: "c", unfit: null, lagBytes: 0 },
        { node: "d", unfit: null, lagBytes: 0 },
      ],
    });
    expect(ctx.recorded.services.length + ctx.recorded.facts.filter(({ kind }) => kind === "service").length).toBe(1);
    expect(ctx.recorded.marks.map(({ mark }) => mark)).toEqual(["T4", "T5"]);
    expect(ctx.asked.count).toBe(1);
    await replication.follow(ha.system, nodeOf(ha, "d"), nodeOf(ha, "c"), signal);
    expect(await runCheck(replicaStatusStep({ replication }), { minStandbys: 2 }, failoverContext(ha))).toMatchObject({
      passed: true,
      outputs: { primary: "c", timeline: 2 },
    });
  });

  test("a silent standby that was synchronous may hold acknowledged commits: refused, unless a loss is allowed", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"], settings: { synchronous_standby_names: "b" } });
    await leaveBehind(ha, "c", 100);
    const known = await lookedAt(ha);
    const streamed = known.standbys.find(({ node }) => node === "b");
    expect(streamed).toMatchObject({ streaming: true, sync: "sync" });
    await using c = await ha.session("c");
    await c.query("alter system set synchronous_standby_names = ''");
    await c.query("select pg_reload_conf()");
    await using control = await frozen(ha, "b");
    await ha.cluster.server("a").stop("immediate");
    const ctx = failoverContext(ha, { known });
    const deps = failoverDeps(ha, known.primaryLsn);
    await expect(runStep(promoteStep(deps), {}, ctx)).rejects.toMatchObject({ code: "PROMOTE_STANDBY_SILENT" });
    expect(ctx.asked.count).toBe(0);
    await runStep(promoteStep(deps), { allowDataLoss: true, repoint: false }, ctx);
    expect(ctx.recorded.deviations).toContain("PROMOTE_STANDBY_SILENT");
    expect(control.node).toBe("b");
  });

  test("another one by name is taken with a deviation; what has more cannot follow it", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"] });
    await leaveBehind(ha, "b", 100);
    await caughtUp(ha, ["c"]);
    const known = await lookedAt(ha);
    await ha.cluster.server("a").stop("immediate");
    const ctx = failoverContext(ha, { known });
    await runStep(promoteStep(failoverDeps(ha)), { node: "b" }, ctx);
    expect(ctx.recorded.deviations).toEqual(["PROMOTE_NOT_MOST_ADVANCED", "STANDBY_LEFT_BEHIND"]);
    expect(promotion(ctx)).toMatchObject({ node: "b", reason: "asked for by name" });
  });

  test("refuses a standby that lags more than it may, by what the writers knew, unless loss is allowed", async () => {
    await using ha = await startHaCluster();
    await leaveBehind(ha, "b", 100);
    await using primary = await ha.session("a");
    const [row] = await primary.query<{ lsn: string }>("select pg_current_wal_lsn()::text as lsn");
    await ha.cluster.server("a").stop("immediate");
    // No look at replication knew of it, only the writers.
    const deps = failoverDeps(ha, row?.lsn ?? "");
    const traffic = {} as never; // only that there is one counts
    const refused = runStep(promoteStep(deps), { maxLag: "64kB" }, failoverContext(ha, { traffic }));
    await expect(refused).rejects.toMatchObject({ code: "PROMOTE_TOO_FAR_BEHIND", class: "subject" });
    const blind = runStep(promoteStep(failoverDeps(ha)), {}, failoverContext(ha));
    await expect(blind).rejects.toMatchObject({ code: "PROMOTE_LAG_UNKNOWN" });
    const ctx = failoverContext(ha, { traffic });
    await runStep(promoteStep(deps), { maxLag: "64kB", allowDataLoss: true }, ctx);
    expect(promotion(ctx)).toMatchObject({ knownLsn: { from: "canary" }, candidates: [{ node: "a" }, { node: "b" }] });
    // With a prober on the clients' path the marks are its own.
    expect(ctx.recorded.marks).toEqual([]);
  });

  test("a primary that still answers is not given a second one", async () => {
    await using ha = await startHaCluster();
    const ctx = failoverContext(ha, { known: await lookedAt(ha) });
    await expect(runStep(promoteStep(failoverDeps(ha)), {}, ctx)).rejects.toMatchObject({
      code: "PROMOTE_TWO_PRIMARIES",
      class: "permanent",
    });
    expect(ctx.asked.count).toBe(0);
  });

  test("nor is one that is only silent: it has to be fenced first", async () => {
    await using ha = await startHaCluster();
    const known = await lookedAt(ha);
    const deps = failoverDeps(ha);
    await deps.control.freeze(nodeOf(ha, "a"), { supervisor: false }, signal);
    const ctx = failoverContext(ha, { known });
    await expect(runStep(promoteStep(deps), { timeout: "300ms" }, ctx)).rejects.toMatchObject({
      code: "PROMOTE_NOT_FENCED",
      class: "permanent",
    });
    await runStep(fenceStep(deps), {}, ctx);
    expect(ctx.fenced()).toEqual(["a"]);
    await runStep(promoteStep(deps), { timeout: "300ms" }, ctx);
    expect(promotion(ctx)).toMatchObject({ node: "b" });
    expect(ctx.fenced()).toEqual(["a"]);
  });

  test("a standby with a paused replay is promoted with all that it has received", async () => {
    await using ha = await startHaCluster();
    await using standby = await ha.session("b");
    await standby.query("select pg_wal_replay_pause()");
    await using primary = await ha.session("a");
    await primary.query("create table late as select 1 as one");
    await caughtUp(ha, ["b"]);
    const known = await lookedAt(ha);
    await ha.cluster.server("a").stop("immediate");
    await runStep(promoteStep(failoverDeps(ha)), {}, failoverContext(ha, { known }));
    expect(await standby.query("select one from late")).toEqual([{ one: 1 }]);
  });

  test("where commits wait for a standby, the others follow before the first write is acknowledged", async () => {
    const settings = { synchronous_standby_names: "ANY 1 (a, b, c)" };
    await using ha = await startHaCluster({ names: ["a", "b", "c"], settings });
    const known = await lookedAt(ha);
    await ha.cluster.server("a").stop("immediate");
    const ctx = failoverContext(ha, { known });
    await runStep(promoteStep(failoverDeps(ha)), {}, ctx);
    expect(ctx.recorded.marks.map(({ mark }) => mark)).toEqual(["T4", "T5"]);
    expect(ctx.recorded.deviations).toEqual([]);
  });

  test("after a crash the nodes are asked: promoted, not promoted, or nobody can tell", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"] });
    const step = promoteStep(failoverDeps(ha));
    const known = await lookedAt(ha);
    const wish = step.with.parse({});
    const reconcile = (ctx: FailoverContext) => step.reconcile?.(wish, ctx);
    expect(await reconcile(failoverContext(ha, { known }))).toEqual({ kind: "did_not_happen" });
    await ha.cluster.server("a").stop("immediate");
    expect(await reconcile(failoverContext(ha, { known }))).toEqual({ kind: "did_not_happen" });
    const { lsn } = await replication.promote(ha.system, nodeOf(ha, "c"), signal);
    const ctx = failoverContext(ha, { known });
    expect(await reconcile(ctx)).toMatchObject({ kind: "happened", outputs: { node: "c", timeline: 2, lsn } });
    // It was not told before the crash.
    await follows(ha, "b", "c");
    const fact = promotion(ctx);
    // When, is known only as: since the last look.
    expect(fact?.resolutionUs).toBe((fact?.promoted.monoUs ?? 0) - known.at.monoUs);
    // Interrupted after it was put on record: what saw it happen is not replaced by what only finds it.
    expect(await reconcile(ctx)).toMatchObject({ kind: "happened", outputs: { node: "c", timeline: 2, lsn } });
    expect(ctx.recorded.facts.filter(({ kind }) => kind === "promotion")).toEqual([fact]);
    expect(await reconcile(failoverContext(ha))).toMatchObject({ kind: "unknown" });
    await ha.cluster.server("c").stop("immediate");
    expect(await reconcile(failoverContext(ha, { known }))).toMatchObject({ kind: "unknown" });
  });
});

/** Resolves when it streams; the test's own limit is the limit. */
async function follows(ha: HaCluster, standby: string, primary: string): Promise<void> {
  await using session = await ha.session(primary);
  for (;;) {
    const rows = await session.query("select from pg_stat_replication where application_name = $1", [standby]);
    if (rows.length > 0) return;
    await session.query("select pg_sleep(0.02)");
  }
}
