import { expect, test } from "vitest";
import { canaryLab } from "../../support/canary-lab.ts";
import { failoverDeps, nodeOf } from "../../support/failover-context.ts";
import { startHaCluster } from "../../support/ha-cluster.ts";

const { signal } = new AbortController();

test("writes that wait for a synchronous standby do not crowd out the other clients", async () => {
  await using ha = await startHaCluster({ settings: { synchronous_standby_names: "b" } });
  await using lab = canaryLab(ha);
  const planned = lab.plan({ writers: 2, answerTimeoutUs: 100_000 });
  await lab.traffic.prepare(planned, signal);
  const ref = await lab.traffic.start(planned, signal);
  using watch = await lab.traffic.watch(ref);
  const { control } = failoverDeps(ha);
  await control.freeze(nodeOf(ha, "b"), { supervisor: false }, signal);
  try {
    await watch.until((view) => (view.outage?.failures ?? 0) >= 15, signal);
    await using admin = await ha.session("a");
    const [row] = await admin.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    );
    // Two writers and the prober, each with one that is on its way out.
    expect(row?.n).toBeLessThanOrEqual(6);
  } finally {
    await control.thaw(nodeOf(ha, "b"));
    await lab.traffic.stop(ref, "all", signal);
  }
});
