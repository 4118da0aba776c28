import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PROJECT } from "../../support/cli-lab.ts";
import { failoverDesk, shipped } from "../../support/failover-run.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";

/** The statements of docs/failover.md, each on its own. */
async function documentedGrants(): Promise<readonly string[]> {
  const text = await readFile(join(PROJECT, "docs/failover.md"), "utf8");
  const sql = /```sql\n(?<sql>create role firedrill[\s\S]*?)```/u.exec(text)?.groups?.["sql"] ?? "";
  return sql
    .split(";")
    .map((statement) => statement.trim().replace("on database orders", "on database postgres"))
    .filter((statement) => statement !== "");
}

/** The same cluster, reached as a role with these rights. */
async function asRole(ha: HaCluster, grants: readonly string[]): Promise<HaCluster> {
  const file = join(ha.dir, "role-password");
  await writeFile(file, "drill", { mode: 0o600 });
  await using session = await ha.session("a");
  for (const statement of [...grants, "alter role firedrill password 'drill'"]) await session.query(statement);
  const { replication } = ha.system.credentials ?? { replication: null };
  const credentials = { user: "firedrill", password: `file:${file}`, database: "postgres", replication };
  return { ...ha, system: { ...ha.system, credentials } };
}

describe("the rights that the documentation names", () => {
  test("are enough for a cut, a kill, a promotion, a rewind and the canary, without a superuser", async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"], major: 15, settings: { wal_log_hints: "on" } });
    const role = await asRole(ha, await documentedGrants());
    const desk = await failoverDesk(role, await shipped("failover-data-loss"), ["--param", "cutFor=300ms"]);
    const end = await desk.start().ended;
    const result = await desk.result();
    expect(
      result.steps.filter(({ failure }) => failure !== null),
      end.stderr,
    ).toEqual([]);
    expect(result.cleanup, end.stderr).toMatchObject({ status: "verified" });
    expect(result.observed.rebuilds).toMatchObject([{ node: "a", method: "pg_rewind" }]);
    expect(result.loss.lostAcknowledged).toMatchObject({ status: "measured" });
  });

  test("without pg_monitor nobody is seen to stream, and that is said", async () => {
    await using ha = await startHaCluster({ names: ["a", "b"], major: 15 });
    const role = await asRole(ha, ["create role firedrill login"]);
    const desk = await failoverDesk(role, await shipped("failover-replica"));
    const end = await desk.start().ended;
    expect(end.stderr).toContain("none is seen to stream: has the login pg_monitor?");
  });
});
