import { expect, test } from "vitest";
import { nodeDatabase } from "../../../src/drills/node-database.ts";
import { startHaCluster } from "../../support/ha-cluster.ts";
import { openSession } from "../../support/pg-machine.ts";

test("the lab's standbys stream from its primary, and every node answers with the system's credentials", async () => {
  await using ha = await startHaCluster({ names: ["a", "b", "c"] });
  await using primary = await ha.session("a");
  const senders = await primary.query("select application_name, state from pg_stat_replication order by 1");
  expect(senders).toEqual([
    { application_name: "b", state: "streaming" },
    { application_name: "c", state: "streaming" },
  ]);
  for (const node of ha.system.nodes) {
    await using session = await openSession(nodeDatabase(ha.system, node));
    expect(await session.query("select pg_is_in_recovery() as standby")).toEqual([{ standby: node.name !== "a" }]);
  }
});
