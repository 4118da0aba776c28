import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ReplicatedCluster, startReplicatedCluster } from "../databases/postgres/lab/replicated-cluster.ts";
import type { App } from "../wire.ts";
import { newestServer, removeSandbox, sandboxUser } from "./lab.ts";
import { type DemoCase, demoInventory } from "./story.ts";

/** A primary with two streaming standbys, in one sandbox, so that the watchdog and `firedrill clean` remove them like any other. */
export interface FailoverLab extends AsyncDisposable {
  readonly cluster: ReplicatedCluster;
  readonly cases: readonly DemoCase[];
}

const NODES = ["a", "b", "c"] as const;
const SERVING = { shared_buffers: "64MB", max_wal_size: "1GB", checkpoint_timeout: "15min" };

export async function createFailoverLab(app: App, ttlMs: number, signal: AbortSignal): Promise<FailoverLab> {
  const sandbox = await app.sandboxes.plan({ ttlMs, fence: "settings" });
  const labels = { installation: app.state.installation, run: "demo", epoch: 1, title: "the demo's servers" };
  await app.sandboxes.create(sandbox, labels, signal);
  try {
    const cluster = await startReplicatedCluster({
      binaries: await newestServer(app, signal),
      maker: app.maker,
      dir: join(sandbox.dir, "data", "cluster"),
      names: NODES,
      user: sandboxUser(sandbox),
      password: randomBytes(16).toString("hex"),
      settings: SERVING,
      signal,
      launcher:
        (node) =>
        ({ argv, env, cwd }, abort) =>
          app.sandboxes.launch(sandbox, { name: node, argv, env, cwd }, abort),
    });
    const inventoryPath = join(sandbox.dir, "inventory-failover.yaml");
    await writeFile(inventoryPath, inventory(cluster), { mode: 0o600 });
    return { cluster, cases: cases(inventoryPath), [Symbol.asyncDispose]: () => removeSandbox(app, sandbox) };
  } catch (error) {
    await removeSandbox(app, sandbox);
    throw error;
  }
}

function cases(inventoryPath: string): readonly DemoCase[] {
  return [
    {
      inventoryPath,
      playbook: "failover-replica.yaml",
      name: "failover",
      what: "a primary with two standbys, under writes; the primary is killed",
      params: ["discardDivergent=true"],
      expectedExit: 0,
    },
    {
      inventoryPath,
      playbook: "failover-data-loss.yaml",
      name: "data-loss",
      what: "the same system, its standbys cut off 2 s before the primary dies",
      params: ["discardDivergent=true"],
      expectedExit: 1,
    },
  ];
}

function inventory({ nodes, passwordFile, passfile, superuser }: ReplicatedCluster): string {
  return demoInventory({
    nodes: nodes.map(({ name, endpoint, dataDir, bin }) => ({ name, ...endpoint, dataDir, bin })),
    credentials: {
      user: superuser,
      password: `file:${passwordFile}`,
      database: "postgres",
      replication: { user: superuser, passfile },
    },
  });
}
