import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createReplication } from "../../../src/databases/postgres/replication/create-replication.ts";
import { livePostmaster } from "../../../src/databases/postgres/postmaster-file.ts";
import type { NodeSpec } from "../../../src/drills/inventory.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { majors, sessions } from "../../support/pg-machine.ts";
import { containing } from "../../support/cli-matchers.ts";

const signal = new AbortController().signal;
const replication = createReplication({ sessions, clock: systemClock() });

function nodeOf({ system }: HaCluster, name: string): NodeSpec {
  const node = system.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) throw new Error(`no node ${name}`);
  return node;
}

const look = ({ system }: HaCluster, timeoutMs = 2000) =>
  replication.observe(system, system.nodes, { timeoutMs, signal });

for (const major of majors) {
  test(`version ${major}: roles are told, a standby is promoted, and another one follows it`, async () => {
    await using ha = await startHaCluster({ names: ["a", "b", "c"], major });
    const before = await look(ha);
    expect(before).toMatchObject([
      { kind: "primary", timeline: 1, major, readOnly: false, senders: [{ name: "b" }, { name: "c" }] },
      {
        kind: "standby",
        timeline: 1,
        timelineFrom: "receiver",
        replayPaused: false,
        receiver: { status: "streaming" },
      },
      { kind: "standby", timeline: 1 },
    ]);

    await ha.cluster.server("a").stop("immediate");
    const [down, standby] = await look(ha);
    expect(down).toMatchObject({ kind: "unreachable", reason: containing("ECONNREFUSED") });
    expect(standby).toMatchObject({ kind: "standby", timeline: 1, receiver: null, timelineFrom: "wal" });

    expect(await replication.tryWrite(ha.system, nodeOf(ha, "b"), 1000, signal)).toMatchObject({ kind: "refused" });
    const promoted = await replication.promote(ha.system, nodeOf(ha, "b"), signal);
    expect(promoted.timeline).toBe(2);
    expect(promoted.promoted.monoUs).toBeGreaterThan(promoted.asked.monoUs);
    // The server's own record of where its timeline begins.
    await using session = await ha.session("b");
    const [history] = await session.query<{ text: string }>("select pg_read_file('pg_wal/00000002.history') as text");
    expect(history?.text.split("\t")[1]).toBe(promoted.lsn);
    expect(await replication.tryWrite(ha.system, nodeOf(ha, "b"), 1000, signal)).toEqual({ kind: "acknowledged" });

    await replication.follow(ha.system, nodeOf(ha, "c"), nodeOf(ha, "b"), signal);
    expect(await look(ha)).toMatchObject([
      { kind: "unreachable" },
      { kind: "primary", timeline: 2, senders: [{ name: "c", state: "streaming" }] },
      // The control file would say 1 until the next checkpoint.
      { kind: "standby", timeline: 2 },
    ]);
  });
}

describe("a server that does not answer", () => {
  test("is unreachable after its own deadline, and holds up neither the others nor the caller", async () => {
    await using ha = await startHaCluster();
    const pid = await livePostmaster(nodeOf(ha, "a").dataDir ?? "");
    process.kill(pid ?? 0, "SIGSTOP");
    try {
      const [frozen, standby] = await look(ha, 300);
      expect(frozen).toMatchObject({ kind: "unreachable", reason: "no answer within 300 ms" });
      expect(standby).toMatchObject({ kind: "standby" });
      expect(await replication.tryWrite(ha.system, nodeOf(ha, "a"), 200, signal)).toMatchObject({ kind: "no_answer" });
    } finally {
      process.kill(pid ?? 0, "SIGCONT");
    }
  });
});

test("a login without privileges sees the roles; the timeline is the control file's, and the primary knows who streams", async () => {
  await using ha = await startHaCluster();
  {
    await using primary = await ha.session("a");
    await primary.query("create role watcher login password 'watch'");
    await using standby = await ha.session("b");
    for (let there = false; !there;)
      there = (await standby.query("select from pg_roles where rolname = 'watcher'")).length > 0;
  }
  const password = join(ha.dir, "watcher");
  await writeFile(password, "watch");
  const credentials = { ...ha.system.credentials, user: "watcher", password: `file:${password}` };
  const system = { ...ha.system, credentials };
  expect(await replication.observe(system, system.nodes, { timeoutMs: 2000, signal })).toMatchObject([
    { kind: "primary", timeline: 1 },
    { kind: "standby", timeline: 1, timelineFrom: "control_file", receiver: null },
  ]);
});
