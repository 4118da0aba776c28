import { existsSync, readdirSync, statSync } from "node:fs";
import { copyFile, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { rebuildStep } from "../../../src/steps/postgres/rebuild.ts";
import { runStep } from "../../support/checks-context.ts";
import { failoverContext, failoverDeps, nodeOf, replication } from "../../support/failover-context.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { lacksTool } from "../../support/pg-machine.ts";
import { containing, matching } from "../../support/cli-matchers.ts";

const aNumber: unknown = expect.any(Number);

const signal = new AbortController().signal;

/** `b` is promoted; `own`: the old primary has rows that `b` does not have. */
async function failOver(ha: HaCluster, own: boolean): Promise<void> {
  {
    await using primary = await ha.session("a");
    await primary.query("create table orders as select generate_series(1, 1000) as id");
    const [row] = await primary.query<{ lsn: string }>("select pg_current_wal_lsn()::text as lsn");
    await using standby = await ha.session("b");
    for (let there = false; !there;) {
      const [answer] = await standby.query<{ there: boolean }>(
        "select pg_last_wal_replay_lsn() >= $1::pg_lsn as there",
        [row?.lsn],
      );
      there = answer?.there === true;
    }
    if (own) {
      await standby.query("alter system set primary_conninfo = ''");
      await standby.query("select pg_reload_conf()");
      for (let cut = false; !cut;) cut = (await standby.query("select from pg_stat_wal_receiver")).length === 0;
      await primary.query("insert into orders select generate_series(1001, 3000)");
    }
  }
  await ha.cluster.server("a").stop("immediate");
  await replication.promote(ha.system, nodeOf(ha, "b"), signal);
  await using primary = await ha.session("b");
  await primary.query("insert into orders values (-1)");
}

async function rowsOf(ha: HaCluster, name: string): Promise<unknown> {
  await using session = await ha.session(name);
  return await session.query("select count(*)::int as rows, min(id) as first from orders");
}

const FOLLOWS = [{ rows: 1001, first: -1 }];
const besides = (ha: HaCluster): string[] =>
  readdirSync(dirname(nodeOf(ha, "a").dataDir ?? "")).filter((name) => name.startsWith("data"));

/** The rebuilt server replays a moment after it streams. */
async function untilSame(ha: HaCluster): Promise<void> {
  for (let same = false; !same;) same = JSON.stringify(await rowsOf(ha, "a")) === JSON.stringify(await rowsOf(ha, "b"));
}

describe("postgres/rebuild", () => {
  test("an old primary that has nothing of its own follows", async () => {
    await using ha = await startHaCluster();
    await failOver(ha, false);
    const ctx = failoverContext(ha);
    const { outputs } = await runStep(rebuildStep(failoverDeps(ha)), {}, ctx);
    expect(outputs).toMatchObject({ node: "a", method: "followed", kept: null });
    expect(ctx.recorded.facts).toMatchObject([{ kind: "rebuild", node: "a", method: "followed" }]);
    await untilSame(ha);
    expect(await rowsOf(ha, "a")).toEqual(FOLLOWS);
    expect(besides(ha)).toEqual(["data"]);
    // Once more, as after a crash: it streams, and nothing is done.
    const again = await runStep(rebuildStep(failoverDeps(ha)), {}, failoverContext(ha));
    expect(again.outputs).toMatchObject({ node: "a", reason: "it streams already" });
  });

  for (const discardDivergent of [false, true]) {
    test(`without pg_rewind it is copied anew, and what it had is ${discardDivergent ? "discarded" : "kept"}`, async () => {
      await using ha = await startHaCluster();
      await failOver(ha, true);
      const { dataDir } = nodeOf(ha, "a");
      const before = statSync(dataDir ?? "");
      const ctx = failoverContext(ha);
      const { outputs } = await runStep(rebuildStep(failoverDeps(ha)), { discardDivergent, method: "base_copy" }, ctx);
      const kept = discardDivergent ? null : `${dataDir}.diverged-run-1`;
      expect(outputs).toMatchObject({ method: "base_copy", kept, bytes: aNumber });
      expect(ctx.planned).toMatchObject([{ kind: "backup-directory" }]);
      await untilSame(ha);
      expect(await rowsOf(ha, "a")).toEqual(FOLLOWS);
      const folders = besides(ha).filter((name) => !name.endsWith(".firedrill.json"));
      expect(folders).toEqual(discardDivergent ? ["data"] : ["data", "data.diverged-run-1"]);
      const { uid, gid } = statSync(join(dataDir ?? "", "base"));
      expect({ uid, gid }).toEqual({ uid: before.uid, gid: before.gid });
    });
  }

  test.skipIf(lacksTool("pg_rewind", 15) !== undefined)(
    "is rewound where there is pg_rewind, and its own WAL is kept",
    async () => {
      await using ha = await startHaCluster({ major: 15 });
      await failOver(ha, true);
      const { outputs } = await runStep(rebuildStep(failoverDeps(ha)), {}, failoverContext(ha));
      expect(outputs).toMatchObject({
        method: "pg_rewind",
        reason: matching(/^timeline 2 began at .* and it went on after that$/u),
        kept: containing("diverged"),
      });
      await untilSame(ha);
      expect(await rowsOf(ha, "a")).toEqual(FOLLOWS);
      expect(besides(ha)).toEqual(["data", "data.diverged-run-1"]);
      expect(readdirSync(`${nodeOf(ha, "a").dataDir}.diverged-run-1/pg_wal`)).toContain("000000010000000000000003");
    },
  );

  test("a second primary of the same timeline has a history of its own, which is kept", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"] });
    await ha.cluster.server("a").stop("immediate");
    // Both from the same position, so that not even their history files tell them apart.
    for (const name of ["b", "c"]) await replication.promote(ha.system, nodeOf(ha, name), signal);
    {
      await using second = await ha.session("c");
      await second.query("create table only_here as select 1 as one");
    }
    const deps = failoverDeps(ha);
    await deps.control.stop(nodeOf(ha, "c"), "fast", 10_000, signal);
    const { outputs } = await runStep(rebuildStep(deps), { node: "c" }, failoverContext(ha));
    const { dataDir } = nodeOf(ha, "c");
    expect(outputs).toMatchObject({
      method: "base_copy",
      reason: matching(/as a primary itself/u),
      kept: `${dataDir}.diverged-run-1`,
    });
  });

  test("a swap that was cut off between its renames is completed", async () => {
    await using ha = await startHaCluster();
    await failOver(ha, true);
    const deps = failoverDeps(ha);
    const { dataDir } = nodeOf(ha, "a");
    // The new copy is complete and the old folder has left its place: exactly then the process dies.
    const dies = { ...deps.control, start: () => Promise.reject(new Error("killed")) };
    const cut = failoverDeps(ha, null, { control: dies });
    await expect(runStep(rebuildStep(cut), { method: "base_copy" }, failoverContext(ha))).rejects.toThrow("killed");
    await rename(dataDir ?? "", `${dataDir}.new-run-1`);
    const { outputs } = await runStep(rebuildStep(deps), {}, failoverContext(ha));
    expect(outputs).toMatchObject({ method: "base_copy", kept: `${dataDir}.diverged-run-1` });
    await untilSame(ha);
  });

  test("after a pg_rewind that was cut off there is no database to rewind: it is copied anew", async () => {
    await using ha = await startHaCluster();
    await failOver(ha, false);
    const { dataDir } = nodeOf(ha, "a");
    const own = `${dataDir}.own-run-1`;
    await mkdir(own);
    for (const name of ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf", "postmaster.opts"])
      await copyFile(join(dataDir ?? "", name), join(own, name));
    const note = { v: 1, rewinding: true, done: null, bytes: null };
    await writeFile(join(own, ".firedrill.json"), JSON.stringify(note));
    const { outputs } = await runStep(rebuildStep(failoverDeps(ha)), {}, failoverContext(ha));
    expect(outputs).toMatchObject({ method: "base_copy", reason: "an earlier pg_rewind was cut off" });
    await untilSame(ha);
    expect(existsSync(own)).toBe(false);
  });

  test("a second primary, a folder of another cluster and a remote node are refused", async () => {
    await using ha = await startHaCluster();
    const step = rebuildStep(failoverDeps(ha));
    await replication.promote(ha.system, nodeOf(ha, "b"), signal);
    await expect(runStep(step, {}, failoverContext(ha))).rejects.toMatchObject({ code: "REBUILD_NO_PRIMARY" });
    await ha.cluster.server("a").stop("immediate");
    const remote = { ...ha.system, nodes: ha.system.nodes.map((node) => ({ ...node, dataDir: null })) };
    await expect(runStep(step, {}, failoverContext(ha, { system: remote }))).rejects.toMatchObject({
      code: "NODE_NOT_LOCAL",
    });
    await using other = await startHaCluster({ names: ["x"] });
    await other.cluster.server("x").stop("fast");
    const nodes = ha.system.nodes.map((node) =>
      node.name === "a" ? { ...node, dataDir: nodeOf(other, "x").dataDir } : node,
    );
    const foreign = runStep(step, {}, failoverContext(ha, { system: { ...ha.system, nodes } }));
    await expect(foreign).rejects.toMatchObject({ code: "REBUILD_FOREIGN" });
    expect(existsSync(join(nodeOf(other, "x").dataDir ?? "", "standby.signal"))).toBe(false);
  });
});
