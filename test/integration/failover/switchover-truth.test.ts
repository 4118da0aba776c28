import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunResult } from "../../../src/drills/result.ts";
import { openDesk, waitingFor } from "../../support/desk.ts";
import { aftermath, NOTHING_LEFT } from "../../support/failover-aftermath.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { edited, type LiveEnd, shipped, startDrill } from "../../support/live-drill.ts";
import { type OwnClient, primaryOf, startOwnClient } from "../../support/own-client.ts";
import { apart, disagreement } from "../../support/seen.ts";
import { truthDrill, type TruthEnd } from "../../support/truth-drill.ts";

const ALL_THERE = { lost: [], duplicated: [], phantom: [] };
const WRITERS = ["writers=4"];

let ha: HaCluster;
beforeAll(async () => {
  ha = await startHaCluster({ settings: { track_commit_timestamp: "on", wal_retrieve_retry_interval: "200ms" } });
});
afterAll(() => ha[Symbol.asyncDispose]());

const other = (node: string): string => (node === "a" ? "b" : "a");
const quick = (text: string): string => edited(text, "hold: 2s", "hold: 200ms");

async function standing(): Promise<{ readonly primary: string; readonly timeline: number }> {
  const primary = await primaryOf(ha);
  await using session = await ha.session(primary);
  const [row] = await session.query<{ timeline: number }>(
    "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int as timeline",
  );
  return { primary, timeline: row?.timeline ?? 0 };
}

/** Asked of the servers and the machine when the run is over: one primary, its standby on the same timeline, and nothing else. */
async function expectRoles(primary: string, timeline: number): Promise<void> {
  expect(await aftermath(ha, join(ha.dir, "state"), [])).toEqual({
    writable: [primary],
    nodes: {
      [primary]: { role: "primary", timeline, standbySignal: false },
      [other(primary)]: { role: "standby", timeline, standbySignal: true },
    },
    left: NOTHING_LEFT,
  });
}

/** By the program's ledger, by the servers, and by a client that knows nothing of the program. */
async function expectNothingLost(
  { result, truth, reported }: TruthEnd,
  client: OwnClient,
  primary: string,
): Promise<void> {
  expect([truth.lost, [...reported]]).toEqual([[], []]);
  expect(truth.acknowledged.size).toBeGreaterThan(100);
  expect(result.loss.lostAcknowledged).toMatchObject({
    lost: 0,
    acknowledged: truth.acknowledged.size,
    counts: { lost: 0, duplicated: 0, phantom: 0, altered: 0 },
  });
  expect(client.acknowledged.length).toBeGreaterThan(100);
  expect(await client.compare(primary)).toEqual(ALL_THERE);
}

/** The first outage is that of the switchover which the drill measures. */
function outageDisagreement({ durations }: RunResult, client: OwnClient): string | null {
  const [first] = client.outages();
  return first === undefined
    ? "the test's own client saw none"
    : disagreement("outageClient", durations.outageClient, apart(first.cutOff, first.back));
}

test("a switchover under load loses and doubles nothing, and says for how long clients were cut off", async () => {
  const before = await standing();
  await using client = await startOwnClient(ha);
  const end = await truthDrill(ha, { playbook: "switchover-replica", params: WRITERS, edit: quick });
  await client.served();
  await client.stop();
  expect(end.result, end.stderr).toMatchObject({ result: "passed", objectives: { rpo: { verdict: "met" } } });
  await expectNothingLost(end, client, other(before.primary));
  expect(client.outages(), end.stderr).toHaveLength(1);
  expect(outageDisagreement(end.result, client)).toBeNull();
  const { outageClient } = end.result.durations;
  const report = await readFile(join(ha.dir, "state/runs", end.result.run.id, "report.html"), "utf8");
  expect(report).toContain(outageClient.status === "measured" ? outageClient.text : "an outage that was measured");
  await expectRoles(other(before.primary), before.timeline + 1);
});

test("with switchBack=true the first primary is the primary again, after two outages and without a loss", async () => {
  const before = await standing();
  await using client = await startOwnClient(ha);
  const params = [...WRITERS, "switchBack=true"];
  const end = await truthDrill(ha, { playbook: "switchover-replica", params, edit: quick });
  await client.served();
  await client.stop();
  expect(end.result, end.stderr).toMatchObject({ result: "passed" });
  await expectNothingLost(end, client, before.primary);
  expect(client.outages(), JSON.stringify(client.outages())).toHaveLength(2);
  expect(end.result.observed.outages?.outages).toHaveLength(2);
  expect(outageDisagreement(end.result, client)).toBeNull();
  await expectRoles(before.primary, before.timeline + 2);
});

test("a standby that stops receiving in the middle of it: the old primary serves again, and the drill has failed", async () => {
  const before = await standing();
  await using client = await startOwnClient(ha);
  let frozen: readonly number[] = [];
  await using desk = await openDesk(async () => {
    frozen = await receiverOf(other(before.primary));
    for (const pid of frozen) process.kill(pid, "SIGSTOP");
  });
  const text = edited(quick(await shipped("switchover-replica")), "grace: 60s", "grace: 2s");
  const end = await failingDrill(edited(text, "  disaster:\n", `${waitingFor("freeze", desk)}  disaster:\n`));
  for (const pid of frozen) process.kill(pid, "SIGCONT");
  expect([frozen.length, failureOf(end, "switch")], end.stderr).toEqual([1, "SWITCHOVER_NOT_CLEAN"]);
  expect(end).toMatchObject({ code: 1, result: { result: "failed", rule: "SUBJECT_FAILED" } });
  await client.served();
  await client.stop();
  expect(end.result.durations.rtaTotal.status).toBe("not_measured");
  expect(client.outages(), end.stderr).toHaveLength(1);
  expect(await client.compare(before.primary)).toEqual(ALL_THERE);
  await streams(before.primary);
  await expectRoles(before.primary, before.timeline);
});

test("a standby whose replay is paused: nothing is touched, clients notice nothing, and the drill has failed", async () => {
  const before = await standing();
  await using standby = await ha.session(other(before.primary));
  await standby.query("select pg_wal_replay_pause()");
  await using client = await startOwnClient(ha);
  const end = await failingDrill(quick(await shipped("switchover-replica")));
  await standby.query("select pg_wal_replay_resume()");
  expect(failureOf(end, "switch"), end.stderr).toBe("SWITCHOVER_NOT_READY");
  expect(end).toMatchObject({ code: 1, result: { result: "failed", rule: "SUBJECT_FAILED" } });
  await client.served();
  await client.stop();
  expect(client.outages()).toEqual([]);
  expect(await client.compare(before.primary)).toEqual(ALL_THERE);
  await expectRoles(before.primary, before.timeline);
});

async function failingDrill(playbook: string): Promise<LiveEnd> {
  await using live = await startDrill(ha, { playbook, params: WRITERS });
  return await live.end();
}

function failureOf({ result }: LiveEnd, step: string): string | undefined {
  return result.steps.find(({ id }) => id === step)?.failure?.code;
}

/** The process with which a standby receives. */
async function receiverOf(node: string): Promise<readonly number[]> {
  await using session = await ha.session(node);
  const rows = await session.query<{ pid: string }>("select pid::text from pg_stat_wal_receiver");
  return rows.map(({ pid }) => Number(pid));
}

/** Resolves when its standby receives again; the test's own limit is the limit. */
async function streams(primary: string): Promise<void> {
  await using session = await ha.session(primary);
  for (;;) {
    const [row] = await session.query<{ yes: boolean }>(
      "select exists (select from pg_stat_replication where state = 'streaming') as yes",
    );
    if (row?.yes === true) return;
  }
}
