import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../../src/databases/postgres/free-port.ts";
import type { NodeSpec, SystemSnapshot } from "../../src/drills/inventory.ts";
import { findProcesses, killFound } from "../../src/support/processes.ts";
import { systemWith } from "./checks-context.ts";
import {
  dataDirOf,
  nodeDir,
  type PatroniLab,
  type PatroniNode,
  pidFileOf,
  startOf,
  writeNode,
} from "./patroni-files.ts";
import { serviceUser } from "./pg-machine.ts";

const BIN = "/usr/lib/postgresql/15/bin";
const NEEDS = { patroni: "/usr/bin/patroni", etcd: "/usr/bin/etcd", "PostgreSQL 15": `${BIN}/postgres` };

/** Why there can be no Patroni cluster on this machine, or undefined. */
export function lacksPatroni(): string | undefined {
  const missing = Object.entries(NEEDS).flatMap(([name, path]) => (existsSync(path) ? [] : [`no ${name} (${path})`]));
  return missing.length === 0 ? undefined : missing.join(", ");
}

/** A leader `a` and a replica `b` under Patroni, with an etcd of their own. */
export interface PatroniCluster extends AsyncDisposable {
  readonly dir: string;
  readonly system: SystemSnapshot;
  readonly node: (name: string) => NodeSpec;
  /** Runs the node's start script; does not wait for Patroni. */
  start(name: string): Promise<void>;
  /** Pid of its Patroni. */
  supervisor(name: string): Promise<number>;
  /** What Patroni of the node wrote. */
  log(name: string): Promise<string>;
  /** Waits until the node answers to this path of its REST API with 200 (`/primary`, `/replica`). */
  until(name: string, path: string): Promise<void>;
}

export interface PatroniClusterOptions {
  readonly auth?: PatroniLab["auth"];
}

export async function startPatroniCluster({ auth = null }: PatroniClusterOptions = {}): Promise<PatroniCluster> {
  const dir = await mkdtemp(join(tmpdir(), "firedrill-patroni-"));
  try {
    const lab: PatroniLab = {
      dir,
      bin: BIN,
      etcdPort: await freePort(),
      user: serviceUser,
      password: randomBytes(12).toString("hex"),
      auth,
    };
    await chmod(dir, 0o755);
    await startEtcd(lab);
    const nodes = [await newNode(lab, "a"), await newNode(lab, "b")];
    const cluster = await describe(lab, nodes);
    await cluster.start("a");
    await cluster.until("a", "/primary");
    await cluster.start("b");
    await cluster.until("b", "/replica");
    return cluster;
  } catch (error) {
    await remove(dir);
    throw error;
  }
}

async function newNode(lab: PatroniLab, name: string): Promise<PatroniNode> {
  const node = { name, port: await freePort(), restPort: await freePort() };
  await writeNode(lab, node);
  return node;
}

async function startEtcd({ dir, etcdPort, user }: PatroniLab): Promise<void> {
  const cwd = join(dir, "etcd");
  await mkdir(cwd, { mode: 0o700 });
  if (user !== null) await chown(cwd, user.uid, user.gid);
  const [clients, peers] = [`http://127.0.0.1:${etcdPort}`, `http://127.0.0.1:${await freePort()}`];
  const args = [
    "--name=lab",
    `--data-dir=${join(cwd, "data")}`,
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=lab=${peers}`,
  ];
  const log = await open(join(dir, "etcd.log"), "a", 0o600);
  spawn(NEEDS.etcd, args, { ...user, cwd, env: {}, stdio: ["ignore", log.fd, log.fd], detached: true }).unref();
  await log.close();
  await answers(`${clients}/health`, async () => readFile(join(dir, "etcd.log"), "utf8"));
}

async function describe(lab: PatroniLab, nodes: readonly PatroniNode[]): Promise<PatroniCluster> {
  const passwordFile = join(lab.dir, "password");
  await writeFile(passwordFile, lab.password, { mode: 0o600 });
  const specs = nodes.map((node) => specOf(lab, node));
  const node = (name: string): NodeSpec => {
    const found = specs.find((spec) => spec.name === name);
    if (found === undefined) throw new Error(`the cluster has no node ${name}`);
    return found;
  };
  const log = (name: string): Promise<string> => readFile(join(nodeDir(lab, name), "patroni.log"), "utf8");
  return {
    dir: lab.dir,
    system: systemWith({
      nodes: specs,
      client: { hosts: specs.map(({ endpoint }) => endpoint), targetSessionAttrs: "read-write" },
      credentials: { user: "postgres", password: `file:${passwordFile}`, database: "postgres", replication: null },
    }),
    node,
    log,
    start: async (name) => void (await promisify(execFile)(startOf(lab, name))),
    supervisor: async (name) => Number(await readFile(pidFileOf(lab, name), "utf8")),
    until: (name, path) => answers(`${node(name).patroni}${path}`, () => log(name)),
    [Symbol.asyncDispose]: () => remove(lab.dir),
  };
}

function specOf(lab: PatroniLab, { name, port, restPort }: PatroniNode): NodeSpec {
  return {
    name,
    endpoint: { host: "127.0.0.1", port },
    dataDir: dataDirOf(lab, name),
    bin: lab.bin,
    start: [startOf(lab, name)],
    stop: null,
    supervisorPidFile: pidFileOf(lab, name),
    patroni: `http://127.0.0.1:${restPort}`,
  };
}

async function answers(url: string, log: () => Promise<string>): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  for (;;) {
    const response = await fetch(url, { signal }).catch(() => null);
    await response?.arrayBuffer().catch(() => undefined);
    if (response?.status === 200) return;
    if (signal.aborted) throw new Error(`${url} did not answer with 200:\n${(await log()).slice(-3000)}`);
    await delay(50);
  }
}

/** Whoever works in the folder, until nobody is left: Patroni starts a server that was killed before it. */
async function remove(dir: string): Promise<void> {
  const uid = serviceUser?.uid ?? process.getuid?.() ?? 0;
  for (;;) {
    const { found } = findProcesses({ dir, marker: null, uid });
    if (found.length === 0) break;
    for (const one of found) killFound(one);
    await delay(5);
  }
  await rm(dir, { recursive: true, force: true, maxRetries: 5 });
}
