import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunResult } from "../../../src/drills/result.ts";
import { objectWith } from "../../support/cli-matchers.ts";
import { PROJECT } from "../../support/cli-lab.ts";
import { eventSchema, firedrill } from "../../support/cli-run.ts";
import { lacksPatroni, type PatroniCluster, startPatroniCluster } from "../../support/patroni-cluster.ts";
import { publishedResult } from "../../support/published-result.ts";
import { leaderName, patroniInventory, untilHealthy } from "../../support/patroni-scene.ts";

const reason = lacksPatroni();
const skipped = reason === undefined ? "" : ` (skipped: ${reason})`;

/** In this order, on one cluster: the second drill kills the leader that the first one has brought back. */
describe.skipIf(reason !== undefined)(`drills of a Patroni cluster${skipped}`, () => {
  let cluster: PatroniCluster;
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "firedrill-patroni-drill-"));
    cluster = await startPatroniCluster();
    await writeFile(join(dir, "inventory.yaml"), patroniInventory(cluster));
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  const drill = async (playbook: string, ...args: readonly string[]): Promise<RunResult> => {
    const path = join(PROJECT, `playbooks/${playbook}.yaml`);
    const end = await firedrill(["run", path, "--system", "orders", "--json", ...args], { cwd: dir });
    expect(end.code, end.stderr).toBe(0);
    return publishedResult(end.stdout);
  };
  const facts = async ({ run }: RunResult) => {
    const text = await readFile(join(dir, ".firedrill/runs", run.id, "journal.jsonl"), "utf8");
    const events = text
      .trimEnd()
      .split("\n")
      .map((line) => eventSchema.parse(JSON.parse(line)));
    return events.filter(({ type }) => type === "fact").map(({ data }) => data["fact"]);
  };

  test("a switchover there and back: nothing is lost", async () => {
    const result = await drill("patroni-switchover", "--param", "switchBack=true");
    expect(result.loss.lostAcknowledged).toMatchObject({ status: "measured", lost: 0 });
    expect(result.objectives).toMatchObject({ rto: { verdict: "met" }, rpo: { verdict: "met", basis: "measured" } });
    expect(await facts(result)).toEqual(
      expect.arrayContaining([
        objectWith({ kind: "promotion", node: "b", reason: "Patroni chose b" }),
        objectWith({ kind: "promotion", node: "a", reason: "asked for" }),
      ]),
    );
    expect(await leaderName(cluster)).toBe("a");
  });

  test("the leader dies with its Patroni: the key expires, the replica takes over, the old leader comes back as a replica", async () => {
    await untilHealthy(cluster, "a");
    const result = await drill("patroni-failover");
    expect(result.loss.lostAcknowledged).toMatchObject({ status: "measured" });
    // Patroni waits its `ttl` of 20 s; the clients wait with it.
    expect(result.durations.outageClient).toMatchObject({ status: "measured" });
    expect(await facts(result)).toEqual(
      expect.arrayContaining([
        objectWith({ kind: "injection", fault: "fault/kill", node: "a" }),
        objectWith({
          kind: "promotion",
          node: "b",
          reason: "Patroni failed over by itself after the leader key expired",
        }),
        objectWith({ kind: "fencing", node: "a", how: "unreachable" }),
      ]),
    );
    // The cleanup has started its Patroni again.
    await untilHealthy(cluster, "b");
    expect(await leaderName(cluster)).toBe("b");
  });
});
