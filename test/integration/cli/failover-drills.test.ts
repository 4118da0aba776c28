import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunResult } from "../../../src/drills/result.ts";
import { PROJECT } from "../../support/cli-lab.ts";
import { objectWith } from "../../support/cli-matchers.ts";
import { firedrill } from "../../support/cli-run.ts";
import { failoverDeps, nodeOf } from "../../support/failover-context.ts";
import { type Aftermath, aftermath, NOTHING_LEFT } from "../../support/failover-aftermath.ts";
import { failoverInventory } from "../../support/failover-inventory.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { value } from "../../support/pg-history.ts";
import { publishedResult } from "../../support/published-result.ts";

// One cluster for all, in this order: each drill begins with what the one before it has put right.
let ha: HaCluster;
beforeAll(async () => {
  ha = await startHaCluster({ names: ["a", "b", "c"] });
  await writeFile(join(ha.dir, "inventory.yaml"), failoverInventory(ha.system));
});
afterAll(() => ha[Symbol.asyncDispose]());

interface Drilled {
  readonly code: number | null;
  readonly result: RunResult;
  readonly after: Aftermath;
}

async function drill(playbook: string, ...args: readonly string[]): Promise<Drilled> {
  const path = join(PROJECT, `playbooks/${playbook}.yaml`);
  const end = await firedrill(["run", path, "--system", ha.system.name, "--json", ...args], { cwd: ha.dir });
  if (end.stdout === "") throw new Error(end.stderr);
  await replayed();
  return { code: end.code, result: await publishedResult(end.stdout), after: await lookAround() };
}

/** A standby shows a moment later what was dropped on the primary. */
async function replayed(): Promise<void> {
  const { writable, nodes } = await lookAround();
  await using primary = await ha.session(writable.join());
  const end = await value(primary, "select pg_current_wal_lsn()");
  const deadline = Date.now() + 20_000;
  for (const [name] of Object.entries(nodes).filter(([, { role }]) => role === "standby")) {
    await using standby = await ha.session(name);
    while ((await value(standby, `select pg_last_wal_replay_lsn() >= '${end}'`)) !== "true") {
      if (Date.now() > deadline) throw new Error(`${name} has not replayed ${end}`);
    }
  }
}

async function lookAround(): Promise<Aftermath> {
  const { stdout } = await firedrill(["list", "--json"], { cwd: ha.dir });
  // Our own command's own form.
  const runs = JSON.parse(stdout) as readonly { readonly resources: readonly { readonly title: string }[] }[];
  const listed = runs.flatMap(({ resources }) => resources.map(({ title }) => title));
  return aftermath(ha, join(ha.dir, ".firedrill"), listed);
}

const onTimeline = (timeline: number) => ({
  primary: { role: "primary", timeline, standbySignal: false },
  standby: { role: "standby", timeline, standbySignal: true },
});

/** What the servers say: one of them is the primary, the others stream from it. */
function whole(primary: string, timeline: number): Aftermath {
  const on = onTimeline(timeline);
  const role = (name: string) => (name === primary ? on.primary : on.standby);
  return { writable: [primary], nodes: { a: role("a"), b: role("b"), c: role("c") }, left: NOTHING_LEFT } as Aftermath;
}

test("failover-replica passes: the loss is counted, and the old primary streams again", async () => {
  const { code, result, after } = await drill("failover-replica");
  expect({ code, result: result.result, reasons: result.reasons }).toMatchObject({ code: 0, result: "passed" });
  // Replication is asynchronous: a killed primary may have acknowledged a few that no standby has.
  expect(result.loss.lostAcknowledged).toMatchObject({ status: "measured" });
  expect(result.objectives).toMatchObject({ rto: { verdict: "met" }, rpo: { verdict: "met", basis: "measured" } });
  expect(result.durations).toMatchObject({
    outageClient: { status: "measured" },
    detection: { status: "measured" },
    unprotected: { status: "measured" },
  });
  expect(after).toEqual(whole("b", 2));
});

test("failover-data-loss goes red: it counts what is gone, in the report as well", async () => {
  const { code, result, after } = await drill("failover-data-loss", "--param", "writers=2");
  expect({ code, result: result.result }).toEqual({ code: 1, result: "failed" });
  expect(result.reasons).toEqual([objectWith({ rule: "OBJECTIVE_MISSED" })]);
  expect(result.objectives.rpo).toMatchObject({ verdict: "missed", basis: "measured" });
  const { lostAcknowledged } = result.loss;
  expect(lostAcknowledged).toMatchObject({ status: "measured" });
  const gone = lostAcknowledged.status === "measured" ? lostAcknowledged.lost : 0;
  expect(gone).toBeGreaterThan(0);
  const report = await readFile(join(ha.dir, ".firedrill/runs", result.run.id, "report.html"), "utf8");
  expect(report).toContain(`${gone}`);
  expect(after.writable).not.toEqual(["b"]);
  expect(after).toEqual(whole(after.writable.join(), 3));
});

test("switchover-replica there and back loses nothing", async () => {
  const before = await lookAround();
  const { code, result, after } = await drill("switchover-replica", "--param", "switchBack=true");
  expect({ code, result: result.result, reasons: result.reasons }).toMatchObject({ code: 0, result: "passed" });
  expect(result.loss.lostAcknowledged).toMatchObject({ status: "measured", lost: 0 });
  expect(after).toEqual(whole(before.writable.join(), (before.nodes["b"]?.timeline ?? 0) + 2));
});

describe("without a standby", () => {
  beforeAll(async () => {
    const { writable } = await lookAround();
    for (const { name } of ha.system.nodes) if (!writable.includes(name)) await kill(name);
  });

  test.each(["failover-replica", "failover-data-loss", "switchover-replica"])("%s breaks nothing", async (playbook) => {
    const { code, result, after } = await drill(playbook);
    expect({ code, result: result.result }).toEqual({ code: 1, result: "failed" });
    const begun = result.steps.filter(({ startedAtUs }) => startedAtUs !== null);
    expect(begun.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual(["replicas check_failed"]);
    expect(after.writable).toHaveLength(1);
    expect(after.left).toEqual(NOTHING_LEFT);
  });

  async function kill(name: string): Promise<void> {
    await failoverDeps(ha).control.kill(nodeOf(ha, name), { supervisor: false }, AbortSignal.timeout(10_000));
  }
});
