import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findTool } from "../../../src/faults/run-tool.ts";
import { containing } from "../../support/cli-matchers.ts";
import { failoverDeps, nodeOf } from "../../support/failover-context.ts";
import { type FailoverDesk, failoverDesk, type Playbook, shipped } from "../../support/failover-run.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { type Ack, overlaps, reigns, watchWrites } from "../../support/write-watch.ts";

const filter =
  process.getuid?.() === 0 &&
  ((await findTool("nft", "/usr/sbin")) ?? (await findTool("iptables", "/usr/sbin"))) !== null;

let ha: HaCluster;
beforeEach(async () => {
  ha = await startHaCluster({ names: ["a", "b"], settings: { wal_retrieve_retry_interval: "100ms" } });
});
afterEach(() => ha[Symbol.asyncDispose]());

interface Watched {
  readonly desk: FailoverDesk;
  readonly acks: readonly Ack[];
}

/** The last primary has acknowledged after the run's end: what a cleanup set free would be seen. */
async function watched(
  book: Playbook,
  last: string,
  params: readonly string[] = [],
  rule = "ALL_MET",
): Promise<Watched> {
  await using watch = await watchWrites(ha);
  const desk = await failoverDesk(ha, book, params);
  await using run = desk.start();
  await run.ended;
  expect((await desk.result()).reasons[0]).toMatchObject({ rule });
  await watch.untilAcknowledged(last);
  return { desk, acks: watch.acks() };
}

const faulty = async (fault: string): Promise<Playbook> =>
  (await shipped("failover-replica")).replace("kill", "id: kill", `uses: ${fault}`, "with: { node: primary }");
const undone = (book: Playbook): Playbook => book.before("rebuild", "uses: fault/undo", "with: { fault: kill }");

function requireOneAfterAnother({ desk, acks }: Watched, ...nodes: readonly string[]): void {
  expect(reigns(acks)).toEqual(nodes);
  expect(overlaps(acks)).toEqual([]);
  for (const { node, atUs, untilUs } of fences(desk)) {
    const after = acks.filter((ack) => ack.node === node && ack.ackedUs > atUs && ack.ackedUs < untilUs);
    expect(after).toEqual([]);
  }
}

interface Fence {
  readonly node: string;
  readonly atUs: number;
  /** When it was made the primary again, if it was. */
  readonly untilUs: number;
}

/** By the run's own record: who was fenced, and from when to when. */
function fences(desk: FailoverDesk): readonly Fence[] {
  const lines = readFileSync(join(desk.runDir(), "journal.jsonl"), "utf8").trim().split("\n");
  // Decode boundary: the facts of a journal that was just written.
  const facts = lines.map((line) => (JSON.parse(line) as { data: { fact?: Fact } }).data.fact);
  return facts.flatMap((fact, index) => {
    if (fact?.kind !== "fencing") return [];
    const again = facts.slice(index).find((later) => later?.kind === "promotion" && later.node === fact.node);
    return [{ node: fact.node, atUs: fact.at?.monoUs ?? 0, untilUs: again?.asked?.monoUs ?? Number.POSITIVE_INFINITY }];
  });
}

interface Fact {
  readonly kind: string;
  readonly node: string;
  readonly at?: { readonly monoUs: number };
  readonly asked?: { readonly monoUs: number };
}

describe("once it was fenced, the old primary acknowledges nothing, and never do two nodes", () => {
  test("killed, and rebuilt", async () => {
    requireOneAfterAnother(await watched(await faulty("fault/kill"), "b"), "a", "b");
  });
  test("frozen; the fault is undone before the rebuild", async () => {
    requireOneAfterAnother(await watched(undone(await faulty("fault/freeze")), "b"), "a", "b");
  });
  test("frozen; the fault is undone by the cleanup alone", async () => {
    const book = (await faulty("fault/freeze")).replace("rebuild").replace("redundant").replace("back");
    requireOneAfterAnother(await watched(book, "b"), "a", "b");
  });
  test.skipIf(!filter)(
    `partitioned; the fault is undone before the rebuild${filter ? "" : " (SKIPPED: needs root and nft or iptables)"}`,
    async () => {
      requireOneAfterAnother(await watched(undone(await faulty("fault/partition")), "b"), "a", "b");
    },
  );
  test("failed over and back", async () => {
    const params = ["--param", "switchBack=true"];
    requireOneAfterAnother(await watched(await faulty("fault/kill"), "a", params), "a", "b", "a");
  });
  test("switched over and back", async () => {
    const params = ["--param", "switchBack=true"];
    requireOneAfterAnother(await watched(await shipped("switchover-replica"), "a", params), "a", "b", "a");
  });
});

describe("without a fence", () => {
  test("nothing is promoted beside a frozen primary", async () => {
    const { desk, acks } = await watched((await faulty("fault/freeze")).replace("fence"), "a", [], "STEP_BROKE");
    expect((await desk.result()).reasons[0]).toMatchObject({ message: containing("PROMOTE_NOT_FENCED") });
    requireOneAfterAnother({ desk, acks }, "a");
  });

  test("the clients of this test do see two primaries, when there are two", async () => {
    const { control, replication } = failoverDeps(ha);
    const signal = AbortSignal.timeout(60_000);
    await using watch = await watchWrites(ha);
    await watch.untilAcknowledged("a");
    await control.freeze(nodeOf(ha, "a"), { supervisor: false }, signal);
    await replication.promote(ha.system, nodeOf(ha, "b"), signal);
    await watch.untilAcknowledged("b");
    await control.thaw(nodeOf(ha, "a"));
    await watch.untilAcknowledged("a");
    await watch.untilAcknowledged("b");
    expect(reigns(watch.acks()).length).toBeGreaterThan(3);
  });
});
