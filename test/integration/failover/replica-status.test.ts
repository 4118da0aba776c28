import { describe, expect, test } from "vitest";
import { livePostmaster } from "../../../src/databases/postgres/postmaster-file.ts";
import { replicaStatusStep } from "../../../src/steps/postgres/replica-status.ts";
import { runCheck } from "../../support/checks-context.ts";
import { failoverContext, nodeOf, replication } from "../../support/failover-context.ts";
import { startHaCluster } from "../../support/ha-cluster.ts";
import { containing } from "../../support/cli-matchers.ts";

const step = replicaStatusStep({ replication });
const signal = new AbortController().signal;

describe("postgres/replica-status", () => {
  test("tells the primary, its timeline, who streams how far behind, and who is synchronous", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"], settings: { synchronous_standby_names: "b" } });
    const ctx = failoverContext(ha);
    const check = await runCheck(step, { minStandbys: 2, maxLag: "16MB" }, ctx);
    expect(check).toMatchObject({
      passed: true,
      outputs: {
        primary: "a",
        timeline: 1,
        standbys: [
          { node: "b", streaming: true, sync: "sync", lagBytes: 0 },
          { node: "c", streaming: true, sync: "async", lagBytes: 0 },
        ],
      },
    });
    expect(ctx.recorded.facts).toMatchObject([{ kind: "replication", primary: "a", standbys: [{}, {}] }]);
  });

  test("is red for too few standbys, a standby that lags, none of them, no primary, and two", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"] });
    const red = async (wish: Parameters<typeof runCheck<typeof step.with, typeof step.outputs>>[1], why: string) => {
      const check = await runCheck(step, wish, failoverContext(ha));
      expect(check).toMatchObject({ passed: false, actual: containing(why) });
    };
    await red({ minStandbys: 3 }, "2 of 3 standbys stream");
    {
      await using standby = await ha.session("c");
      const [row] = await standby.query<{ pid: number }>("select pid from pg_stat_wal_receiver");
      process.kill(row?.pid ?? 0, "SIGSTOP");
      await using primary = await ha.session("a");
      await primary.query("create table filler as select repeat('x', 1000) as t from generate_series(1, 500)");
      await red({ maxLag: "64kB" }, "c is further behind");
      process.kill(row?.pid ?? 0, "SIGCONT");
    }
    const pid = await livePostmaster(nodeOf(ha, "b").dataDir ?? "");
    process.kill(pid ?? 0, "SIGSTOP");
    // The primary still believes that it streams.
    await red({ minStandbys: 2, timeout: "300ms" }, "b does not answer");
    process.kill(pid ?? 0, "SIGCONT");
    await replication.promote(ha.system, nodeOf(ha, "b"), signal);
    await red({ minStandbys: 0 }, "2 primaries");
    await ha.cluster.server("a").stop("immediate");
    await ha.cluster.server("b").stop("immediate");
    const ctx = failoverContext(ha);
    const check = await runCheck(step, { minStandbys: 0 }, ctx);
    expect(check).toMatchObject({
      passed: false,
      actual: containing("no primary"),
      outputs: { primary: null },
    });
    // What was known of the last primary stays known.
    expect(ctx.recorded.facts).toEqual([]);
  });
});
