/**
 * A failover by the drill against a shell script with `kill -9`, three failed connections and `pg_ctl promote`: same servers, same
 * load, in turn. What counts is what a client of its own saw, and how much longer the drill took beyond detection.
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
const script = new URL("fixtures/failover-by-hand.sh", import.meta.url).pathname;
const run = promisify(execFile);

/** Milliseconds. `beyond`: what of the outage, as the client saw it, came after detection. */
interface Failover {
  readonly outage: number;
  readonly detection: number;
  readonly beyond: number;
  readonly lost: number;
  readonly duplicated: number;
}

const pairs: { readonly hand: Failover; readonly drill: Failover }[] = [];
for (let pair = 0; pair < Number(options.pairs); pair += 1) {
  const drillFirst = pair % 2 === 0;
  const early = drillFirst ? await measured(byDrill) : null;
  const hand = await measured(byHand);
  const drill = early ?? (await measured(byDrill));
  pairs.push({ hand, drill });
  console.log(`pair ${pair + 1}  by hand ${words(hand)}  |  drill ${words(drill)}`);
}
for (const way of ["hand", "drill"] as const) {
  const of = (field: keyof Failover): number => median(pairs.map((pair) => pair[way][field]));
  console.log(
    `median by ${way}: outage ${of("outage").toFixed(0)} ms, detection ${of("detection").toFixed(0)} ms, from there to the first write ${of("beyond").toFixed(0)} ms`,
  );
}
const added = pairs.map(({ hand, drill }) => drill.beyond - hand.beyond);
console.log(
  `added beyond detection: median ${median(added).toFixed(0)} ms (${Math.min(...added).toFixed(0)} to ${Math.max(...added).toFixed(0)}), n=${added.length}`,
);

type Way = (ha: HaCluster) => Promise<{ readonly since: number; readonly detection: number }>;

async function measured(way: Way): Promise<Failover> {
  await using ha = await startHaCluster({ names: ["a", "b"], major: Number(options.major) });
  const client = await load(ha);
  await settled(1000);
  const { since, detection } = await way(ha);
  await settled(500);
  const { lastBefore, firstAfter } = client.outage(since);
  const { acknowledged, found, rows } = await client.stop();
  const outage = firstAfter - lastBefore;
  return { outage, detection, beyond: outage - detection, lost: acknowledged - found, duplicated: Math.max(0, rows - acknowledged - 100) };
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

async function byHand({ system, cluster, dir }: HaCluster) {
  const [primary, standby] = system.nodes;
  if (primary === undefined || standby === undefined) throw new Error("the lab has two nodes");
  const since = performance.now();
  const args = [primary, standby].flatMap((node) => [node.dataDir ?? "", String(node.endpoint.port)]);
  const env = { PATH: "/usr/bin:/bin", PGPASSWORD: await readFile(cluster.passwordFile, "utf8"), LC_ALL: "C" };
  // pg_ctl refuses root: the script runs as the servers' user.
  const user = process.getuid?.() === 0 ? (await import("../test/support/pg-machine.ts")).serviceUser : null;
  const { stdout } = await run("sh", [script, primary.bin ?? "", ...args], { env, cwd: dir, ...user });
  const [killed = 0, detected = 0] = stdout.trim().split(" ").map(Number);
  return { since, detection: detected - killed };
}

async function byDrill(ha: HaCluster) {
  const since = performance.now();
  const inventory = join(ha.dir, "inventory.yaml");
  await writeFile(inventory, failoverInventory(ha.system));
  const playbook = new URL("../playbooks/failover-replica.yaml", import.meta.url).pathname;
  const args = ["run", playbook, "--inventory", inventory, "--system", "orders", "--state", join(ha.dir, "state")];
  const { stdout } = await run(process.execPath, [cli, ...args, "--events", "--param", "discardDivergent=true"], {
    maxBuffer: 1 << 28,
  });
  return { since, detection: detectionOf(stdout) };
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

function words({ outage, detection, beyond, lost }: Failover): string {
  return `outage ${outage.toFixed(0)} ms, detection ${detection.toFixed(0)} ms, then ${beyond.toFixed(0)} ms to the first write, lost ${lost}`;
}

