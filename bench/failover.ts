/**
 * A failover by the drill against a shell script with `kill -9`, three failed connections and `pg_ctl promote`, and a planned switchover
 * against `pg_ctl stop` and `pg_ctl promote`: same servers, same load, in turn. What counts is what a client of its own saw, and how
 * much longer the drill took beyond detection.
 *
 *   npm run build && node bench/failover.ts [--pairs 10] [--writers 4] [--major 15]
 */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as settled } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { type HaCluster, startHaCluster } from "../test/support/ha-cluster.ts";
import { failoverInventory } from "../test/support/failover-inventory.ts";
import { serviceUser } from "../test/support/pg-machine.ts";
import { type OutageClient, startOutageClient } from "./support/outage-client.ts";
import { median } from "./support/pgbench-lab.ts";

const { values: options } = parseArgs({
  options: {
    pairs: { type: "string", default: "10" },
    writers: { type: "string", default: "4" },
    major: { type: "string", default: "15" },
  },
});
const cli = new URL("../dist/cli.js", import.meta.url).pathname;
const run = promisify(execFile);

/** Milliseconds. `beyond`: what of the outage, as the client saw it, came after detection; a planned change has none. */
interface Change {
  readonly outage: number;
  readonly detection: number;
  readonly beyond: number;
  readonly lost: number;
  readonly duplicated: number;
}

for (const kind of ["failover", "switchover"] as const) await compare(kind);

async function compare(kind: "failover" | "switchover"): Promise<void> {
  const pairs: { readonly hand: Change; readonly drill: Change }[] = [];
  for (let pair = 0; pair < Number(options.pairs); pair += 1) {
    const drillFirst = pair % 2 === 0;
    const early = drillFirst ? await measured(byDrill(kind)) : null;
    const hand = await measured(byHand(kind));
    const drill = early ?? (await measured(byDrill(kind)));
    pairs.push({ hand, drill });
    console.log(`${kind} ${pair + 1}  by hand ${words(hand)}  |  drill ${words(drill)}`);
  }
  for (const way of ["hand", "drill"] as const) {
    const of = (field: keyof Change): number => median(pairs.map((pair) => pair[way][field]));
    console.log(
      `${kind}, median by ${way}: outage ${of("outage").toFixed(0)} ms, detection ${of("detection").toFixed(0)} ms, beyond it ${of("beyond").toFixed(0)} ms`,
    );
  }
  const added = pairs.map(({ hand, drill }) => drill.beyond - hand.beyond);
  const sum = (field: "lost" | "duplicated"): number => pairs.reduce((total, { drill }) => total + drill[field], 0);
  console.log(
    `${kind}, added by the drill beyond detection: median ${median(added).toFixed(0)} ms (${Math.min(...added).toFixed(0)} to ${Math.max(...added).toFixed(0)}), n=${added.length}; lost ${sum("lost")}, duplicated ${sum("duplicated")}`,
  );
}

type Way = (ha: HaCluster) => Promise<{ readonly since: number; readonly detection: number }>;

async function measured(way: Way): Promise<Change> {
  await using ha = await startHaCluster({ names: ["a", "b"], major: Number(options.major) });
  const client = await load(ha);
  await settled(1000);
  const { since, detection } = await way(ha);
  await settled(500);
  const { lastBefore, firstAfter } = client.outage(since);
  const { acknowledged, found, duplicated } = await client.stop();
  const outage = firstAfter - lastBefore;
  return { outage, detection, beyond: outage - detection, lost: acknowledged - found, duplicated };
}

async function load({ system, cluster }: HaCluster): Promise<OutageClient> {
  return startOutageClient({
    hosts: system.client.hosts,
    user: cluster.superuser,
    password: await readFile(cluster.passwordFile, "utf8"),
    writers: Number(options.writers),
    pauseMs: 2,
  });
}

function byHand(kind: string): Way {
  const script = new URL(`fixtures/${kind}-by-hand.sh`, import.meta.url).pathname;
  return async ({ system, cluster, dir }) => {
    const [primary, standby] = system.nodes;
    if (primary === undefined || standby === undefined) throw new Error("the lab has two nodes");
    const since = performance.now();
    const args = [primary, standby].flatMap((node) => [node.dataDir ?? "", String(node.endpoint.port)]);
    const env = { PATH: "/usr/bin:/bin", PGPASSWORD: await readFile(cluster.passwordFile, "utf8"), LC_ALL: "C" };
    // pg_ctl refuses root: the script runs as the servers' user.
    const { stdout } = await run("sh", [script, primary.bin ?? "", ...args], { env, cwd: dir, ...serviceUser });
    const [killed = 0, detected = 0] = stdout.trim().split(" ").map(Number);
    return { since, detection: detected - killed };
  };
}

function byDrill(kind: string): Way {
  const playbook = new URL(`../playbooks/${kind}-replica.yaml`, import.meta.url).pathname;
  return async (ha) => {
    const inventory = join(ha.dir, "inventory.yaml");
    await writeFile(inventory, failoverInventory(ha.system));
    const args = ["run", playbook, "--inventory", inventory, "--system", "orders", "--state", join(ha.dir, "state")];
    const since = performance.now();
    const { stdout } = await run(process.execPath, [cli, ...args, "--events"], { maxBuffer: 1 << 28 });
    return { since, detection: kind === "failover" ? detectionOf(stdout) : 0 };
  };
}

/** From T0 to the end of the detecting step, by the journal. */
function detectionOf(events: string): number {
  const records = events
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { type: string; monoUs: number; data: Record<string, unknown> });
  const disaster = records.find(({ type, data }) => type === "mark" && data["mark"] === "T0");
  const detected = records.find(({ type, data }) => type === "step.succeeded" && data["step"] === "detect");
  return ((detected?.monoUs ?? Number.NaN) - Number(disaster?.data["monoUs"])) / 1000;
}

function words({ outage, detection, beyond, lost, duplicated }: Change): string {
  return `outage ${outage.toFixed(0)} ms, detection ${detection.toFixed(0)} ms, beyond ${beyond.toFixed(0)} ms, lost ${lost}, duplicated ${duplicated}`;
}
