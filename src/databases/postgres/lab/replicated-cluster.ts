import { existsSync } from "node:fs";
import { chown, lchown, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DatabaseRef } from "../../../drills/database-ref.ts";
import type { NodeSpec } from "../../../drills/inventory.ts";
import type { BackupMaker } from "../../../steps/ports/backup-maker.ts";
import type { PostgresBinaries } from "../../../steps/ports/postgres.ts";
import type { Launcher } from "../launcher.ts";
import { quoteSetting } from "../quote.ts";
import type { ServiceUser } from "../service-user.ts";
import { initCluster } from "./init-cluster.ts";
import { type LabServer, startServer } from "./start-server.ts";

export interface ReplicatedClusterRequest {
  readonly binaries: PostgresBinaries;
  readonly maker: BackupMaker;
  /**
   * Folder of all nodes; the service user must be able to enter it. Made when missing. A data directory that is there already, as a
   * cluster of these names and this password has left it when it was shut down in order, is started as it is.
   */
  readonly dir: string;
  /** The first is the primary, the others stream from it. */
  readonly names: readonly [string, ...string[]];
  readonly user: ServiceUser | null;
  /** Of the superuser, for connections by TCP; also in the passfile that standbys use. */
  readonly password: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly launcher?: (node: string) => Launcher;
}

export interface ReplicatedCluster extends AsyncDisposable {
  /** As an inventory has them, in the order of the names. */
  readonly nodes: readonly NodeSpec[];
  readonly passwordFile: string;
  /** libpq password file of the service user. */
  readonly passfile: string;
  readonly superuser: string;
  /** As superuser through the private socket of a node. */
  database(node: string): DatabaseRef;
  server(node: string): LabServer;
}

const SUPERUSER = "postgres";
const REPLICATING = { wal_level: "replica", max_wal_senders: "10", wal_log_hints: "on", hot_standby: "on" };

/** A primary with streaming standbys on this machine, for tests and the demonstration. Every node listens on 127.0.0.1. */
export async function startReplicatedCluster(request: ReplicatedClusterRequest): Promise<ReplicatedCluster> {
  const servers = new Map<string, LabServer>();
  const dispose = async (): Promise<void> => {
    for (const server of servers.values()) await server.stop("immediate");
  };
  try {
    const files = await writeSecrets(request);
    const [first, ...others] = request.names;
    await makePrimary(request, first);
    const primary = await launch(request, first, null);
    servers.set(first, primary);
    for (const name of others) {
      await copyPrimary(request, primary, name);
      servers.set(name, await launch(request, name, conninfo(primary, name, files.passfile)));
    }
    return describe(request, servers, files, dispose);
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface SecretFiles {
  readonly passwordFile: string;
  readonly passfile: string;
}

/** The passfile must be the service user's own and private, or libpq passes it over. */
async function writeSecrets({ dir, password, user }: ReplicatedClusterRequest): Promise<SecretFiles> {
  await mkdir(dir, { recursive: true, mode: 0o755 });
  const files = { passwordFile: join(dir, "password"), passfile: join(dir, "passfile") };
  await writeFile(files.passwordFile, password, { mode: 0o600 });
  await writeFile(files.passfile, `*:*:*:${SUPERUSER}:${password}\n`, { mode: 0o600 });
  if (user !== null) await chown(files.passfile, user.uid, user.gid);
  return files;
}

async function makePrimary(request: ReplicatedClusterRequest, name: string): Promise<void> {
  const { binaries, user, password, signal } = request;
  await nodeFolder(request, name);
  const dataDir = dataDirOf(request, name);
  if (isThere(dataDir)) return;
  await initCluster({ binaries, dataDir, user, superuser: SUPERUSER, password, signal, ...launcherOf(request, name) });
}

async function nodeFolder({ dir, user }: ReplicatedClusterRequest, name: string): Promise<string> {
  const folder = join(dir, name);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  if (user !== null) await chown(folder, user.uid, user.gid);
  return folder;
}

async function copyPrimary(request: ReplicatedClusterRequest, { database }: LabServer, name: string): Promise<void> {
  const into = await nodeFolder(request, name);
  if (isThere(join(into, "data"))) return;
  const copy = { database, into, name: "data", method: "replication", format: "plain", label: name } as const;
  await request.maker.create({ ...copy, checkpoint: "fast" }, { signal: request.signal, progress: () => undefined });
  await writeFile(join(into, "data", "standby.signal"), "", { mode: 0o600 });
  if (request.user !== null) await giveTree(join(into, "data"), request.user);
}

const isThere = (dataDir: string): boolean => existsSync(join(dataDir, "PG_VERSION"));

async function giveTree(root: string, user: ServiceUser): Promise<void> {
  await chown(root, user.uid, user.gid);
  for (const entry of await readdir(root, { recursive: true })) await lchown(join(root, entry), user.uid, user.gid);
}

function conninfo({ database }: LabServer, name: string, passfile: string): string {
  return `host=127.0.0.1 port=${database.port} user=${SUPERUSER} passfile=${quoteSetting(passfile)} application_name=${name}`;
}

async function launch(
  request: ReplicatedClusterRequest,
  name: string,
  primaryConninfo: string | null,
): Promise<LabServer> {
  const { binaries, user, signal } = request;
  const following = primaryConninfo === null ? {} : { primary_conninfo: primaryConninfo };
  return startServer({
    binaries,
    dataDir: dataDirOf(request, name),
    socketDir: join(request.dir, name, "socket"),
    logPath: join(request.dir, name, "server.log"),
    user,
    superuser: SUPERUSER,
    port: 0,
    archiveDir: null,
    settings: { ...REPLICATING, ...request.settings, ...following },
    signal,
    ...launcherOf(request, name),
  });
}

function launcherOf({ launcher }: ReplicatedClusterRequest, name: string): { readonly launcher?: Launcher } {
  return launcher === undefined ? {} : { launcher: launcher(name) };
}

const dataDirOf = ({ dir }: ReplicatedClusterRequest, name: string): string => join(dir, name, "data");

function describe(
  request: ReplicatedClusterRequest,
  servers: ReadonlyMap<string, LabServer>,
  files: SecretFiles,
  dispose: () => Promise<void>,
): ReplicatedCluster {
  const server = (name: string): LabServer => {
    const found = servers.get(name);
    if (found === undefined) throw new Error(`the cluster has no node ${name}`);
    return found;
  };
  const nodes = request.names.map((name): NodeSpec => ({
    name,
    endpoint: { host: "127.0.0.1", port: server(name).database.port },
    dataDir: dataDirOf(request, name),
    bin: request.binaries.bin,
    start: null,
    stop: null,
    supervisorPidFile: null,
    patroni: null,
  }));
  const database = (name: string): DatabaseRef => server(name).database;
  return { nodes, ...files, superuser: SUPERUSER, database, server, [Symbol.asyncDispose]: dispose };
}
