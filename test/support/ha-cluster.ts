import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackupMaker } from "../../src/databases/postgres/backup/create-base-backup.ts";
import { type ReplicatedCluster, startReplicatedCluster } from "../../src/databases/postgres/lab/replicated-cluster.ts";
import type { SystemSnapshot } from "../../src/drills/inventory.ts";
import type { Session } from "../../src/steps/ports/postgres.ts";
import { findProcesses, killFound } from "../../src/support/processes.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { systemWith } from "./checks-context.ts";
import { openSession, serviceUser, sessions, testBinaries } from "./pg-machine.ts";

/** A primary `a` with streaming standbys `b`, `c`, ... and what the inventory would say of them. */
export interface HaCluster extends AsyncDisposable {
  readonly dir: string;
  readonly cluster: ReplicatedCluster;
  readonly system: SystemSnapshot;
  /** As superuser through a node's private socket. */
  session(node: string): Promise<Session>;
}

export interface HaClusterOptions {
  readonly names?: readonly [string, ...string[]];
  readonly major?: number;
  readonly settings?: Readonly<Record<string, string>>;
}

const SMALL = {
  fsync: "off",
  autovacuum: "off",
  shared_buffers: "16MB",
  max_connections: "50",
  log_checkpoints: "off",
};

export async function startHaCluster(options: HaClusterOptions = {}): Promise<HaCluster> {
  const { names = ["a", "b"], major = 18, settings = {} } = options;
  const dir = await mkdtemp(join(tmpdir(), "firedrill-ha-"));
  await chmod(dir, 0o755);
  const signal = AbortSignal.timeout(120_000);
  const binaries = testBinaries();
  const maker = createBackupMaker({ sessions, binaries, clock: systemClock(), secret: async () => "" });
  const dispose = async (): Promise<void> => {
    // Whoever started what works there: a test may have promoted, rebuilt and restarted servers.
    const uid = serviceUser?.uid ?? process.getuid?.() ?? 0;
    for (const found of findProcesses({ dir, marker: null, uid }).found) killFound(found);
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const cluster = await startReplicatedCluster({
      binaries: await binaries.forMajor(major, signal),
      maker,
      dir,
      names,
      user: serviceUser,
      password: randomBytes(12).toString("hex"),
      settings: { ...SMALL, ...settings },
      signal,
    });
    const { nodes, superuser, passwordFile, passfile } = cluster;
    const system = systemWith({
      nodes,
      endpoints: { primary: nodes[0]?.endpoint ?? null, replicas: nodes.slice(1).map(({ endpoint }) => endpoint) },
      client: { hosts: nodes.map(({ endpoint }) => endpoint), targetSessionAttrs: "read-write" },
      credentials: {
        user: superuser,
        password: `file:${passwordFile}`,
        database: "postgres",
        replication: { user: superuser, passfile },
      },
    });
    return {
      dir,
      cluster,
      system,
      session: (node) => openSession(cluster.database(node)),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
