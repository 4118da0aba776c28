import { setTimeout as delay } from "node:timers/promises";
import { createNodeControl } from "../../src/databases/postgres/node/node-control.ts";
import { createReplication } from "../../src/databases/postgres/replication/create-replication.ts";
import type { Promotion, ReplicationState } from "../../src/drills/facts.ts";
import { nodeDatabase } from "../../src/drills/node-database.ts";
import { createPatroni } from "../../src/patroni/create-patroni.ts";
import type { PatroniDeps } from "../../src/steps/patroni/input.ts";
import { patroniNodes } from "../../src/steps/patroni/members.ts";
import type { NodeControl } from "../../src/steps/ports/node-control.ts";
import { replicationState } from "../../src/steps/postgres/replication-state.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { type DrillContext, drillContext, type DrillContextOptions } from "./drill-context.ts";
import type { PatroniCluster } from "./patroni-cluster.ts";
import { openSession, sessions } from "./pg-machine.ts";
import { fakeTraffic } from "./traffic-fake.ts";

const clock = systemClock();
const replication = createReplication({ sessions, clock });

/** The steps' real drivers; no traffic runs. */
export const patroniDeps: PatroniDeps = { patroni: createPatroni({ clock }), replication, traffic: fakeTraffic() };

export function nodeControl({ dir }: PatroniCluster): NodeControl {
  return createNodeControl({ clock, logDir: `${dir}/logs`, uid: process.getuid?.() ?? 0, path: "/usr/bin:/bin" });
}

export function contextOn({ system }: PatroniCluster, options: DrillContextOptions = {}): DrillContext {
  return drillContext({ system, ...options });
}

/** As postgres/replica-status records it; null when no one server is the primary. */
export async function observed({ system }: PatroniCluster): Promise<ReplicationState | null> {
  const options = { timeoutMs: 2000, signal: new AbortController().signal };
  const views = await replication.observe(system, system.nodes, options);
  const primary = views.find((view) => view.kind === "primary");
  return primary === undefined ? null : replicationState(primary, views);
}

/** Waits until the server of a node is the one primary and the other one streams: Patroni's own words come earlier, or later. */
export async function untilHealthy(cluster: PatroniCluster, name: string): Promise<ReplicationState> {
  const limit = AbortSignal.timeout(60_000);
  for (;;) {
    const state = await observed(cluster);
    if (state?.primary === name && state.standbys.every(({ streaming }) => streaming)) return state;
    await delay(50, undefined, { signal: limit });
  }
}

/** Who the cluster's members say the leader is, as the first that answers sees it. */
export async function leaderName({ system }: PatroniCluster): Promise<string | null> {
  for (const node of patroniNodes(system)) {
    const look = await patroniDeps.patroni.look(node, { timeoutMs: 2000, signal: new AbortController().signal });
    if (look.kind === "answered" && look.cluster.kind === "known")
      return look.cluster.members.find(({ role }) => role === "leader")?.name ?? null;
  }
  return null;
}

/** Where the newest timeline of a server began, by its own history file. */
export async function beganAt(
  { system, node }: PatroniCluster,
  name: string,
  timeline: number,
): Promise<string | undefined> {
  await using session = await openSession(nodeDatabase(system, node(name)));
  const file = `pg_wal/${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const [row] = await session.query<{ text: string }>("select pg_read_file($1) as text", [file]);
  return row?.text.trim().split("\n").at(-1)?.split("\t")[1];
}

export function promotionOf({ recorded }: DrillContext): Promotion {
  const found = recorded.facts.find((fact) => fact.kind === "promotion");
  if (found?.kind !== "promotion") throw new Error("no promotion was recorded");
  return found;
}

/** Inventory file of a cluster. JSON is YAML. */
export function patroniInventory({ system }: PatroniCluster): string {
  const { name, environment, credentials } = system;
  const nodes = system.nodes.map(({ endpoint, stop: _stop, ...node }) => ({ ...node, ...endpoint }));
  const { replication: _replication, ...login } = credentials;
  const systems = [{ name, engine: "postgresql", environment, nodes, credentials: login }];
  return JSON.stringify({ apiVersion: "firedrill/v1", kind: "Inventory", systems });
}
