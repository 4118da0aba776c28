import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackupMaker } from "../../src/databases/postgres/backup/create-base-backup.ts";
import { type ReplicatedCluster, startReplicatedCluster } from "../../src/databases/postgres/lab/replicated-cluster.ts";
import type { SystemSnapshot } from "../../src/drills/inventory.ts";
import type { Session } from "../../src/steps/ports/postgres.ts";
import { findProcesses, killFound } from "../../src/support/processes.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import { systemWith } from "./checks-context.ts";
import { copyOwned } from "./pg-history.ts";
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
  /** A cluster of the same options whose servers were stopped: its data directories are copied. */
  readonly copyOf?: Pick<HaCluster, "dir" | "cluster">;
}

const SMALL = {
  fsync: "off",
  autovacuum: "off",
  shared_buffers: "16MB",
  max_connections: "50",
  log_checkpoints: "off",
};

export async function startHaCluster(options: HaClusterOptions = {}): Promise<HaCluster> {
  const { names = ["a", "b"], major = 18, settings = {}, copyOf } = options;
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
    const password = copyOf === undefined ? randomBytes(12).toString("hex") : await copied(copyOf, names, dir);
    const cluster = await startReplicatedCluster({
      binaries: await binaries.forMajor(major, signal),
      maker,
      dir,
      names,
      user: serviceUser,
      password,
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

/** Gives the password, which stands in the copies. */
async function copied(
  { dir: from, cluster }: Pick<HaCluster, "dir" | "cluster">,
  names: readonly string[],
  to: string,
): Promise<string> {
  for (const name of names) {
    await mkdir(join(to, name), { mode: 0o755 });
    await copyOwned(join(from, name, "data"), join(to, name, "data"));
  }
  return readFile(cluster.passwordFile, "utf8");
}

/** A cluster that stands still: what a test makes of its copies in a moment. */
export interface HaTemplate extends AsyncDisposable {
  start(): Promise<HaCluster>;
}

export async function haTemplate(options: HaClusterOptions): Promise<HaTemplate> {
  const ha = await startHaCluster(options);
  // The primary first: it ends when its standbys have everything.
  for (const { name } of ha.system.nodes) await ha.cluster.server(name).stop("fast");
  return {
    start: () => startHaCluster({ ...options, copyOf: ha }),
    [Symbol.asyncDispose]: () => ha[Symbol.asyncDispose](),
  };
}
