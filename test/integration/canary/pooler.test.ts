import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chown, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { freePort } from "../../../src/databases/postgres/free-port.ts";
import { instant } from "../../../src/support/clock.ts";
import { canaryClock, canaryLab } from "../../support/canary-lab.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { serviceUser } from "../../support/pg-machine.ts";

const { signal } = new AbortController();
const PROGRAM = "/usr/sbin/pgbouncer";
const missing = existsSync(PROGRAM) ? "" : " (SKIPPED: no pgbouncer on this machine)";

interface Pooler extends AsyncDisposable {
  readonly port: number;
  /** Sends everybody to another server from now on. */
  pointTo(node: string): Promise<void>;
}

/** PgBouncer in transaction mode: what one session sets, the next transaction need not find. */
async function startPooler(ha: HaCluster): Promise<Pooler> {
  const dir = await mkdtemp(join(tmpdir(), "firedrill-pgbouncer-"));
  const port = await freePort();
  const password = await readFile(ha.cluster.passwordFile, "utf8");
  const configuration = async (node: string): Promise<void> => {
    const server = ha.system.nodes.find(({ name }) => name === node)?.endpoint;
    const text = `[databases]
postgres = host=127.0.0.1 port=${server?.port} user=postgres password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
server_login_retry = 0
logfile = ${join(dir, "log")}
pidfile = ${join(dir, "pid")}
ignore_startup_parameters = options,extra_float_digits
`;
    await writeFile(join(dir, "ini"), text, { mode: 0o600 });
    if (serviceUser !== null) await chown(join(dir, "ini"), serviceUser.uid, serviceUser.gid);
  };
  await configuration("a");
  if (serviceUser !== null) await chown(dir, serviceUser.uid, serviceUser.gid);
  const child: ChildProcess = spawn(PROGRAM, [join(dir, "ini")], { ...serviceUser, stdio: "ignore" });
  await untilListening(port);
  return {
    port,
    async pointTo(node) {
      await configuration(node);
      child.kill("SIGHUP");
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await once(child, "exit");
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const up = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (up) return;
    await delay(10);
  }
}

test.skipIf(missing !== "")(`writers and prober live with a pooler in transaction mode${missing}`, async () => {
  await using ha = await startHaCluster();
  await using pooler = await startPooler(ha);
  await using lab = canaryLab(ha);
  const { client, credentials } = ha.system;
  expect(client.hosts).toHaveLength(2);
  const path = {
    hosts: [{ host: "127.0.0.1", port: pooler.port }],
    targetSessionAttrs: "any" as const,
    user: "postgres",
    database: "postgres",
    password: credentials.password,
  };
  const planned = lab.plan({ path, synchronousCommit: "local", writers: 4 });
  await lab.traffic.prepare(planned, signal);
  const ref = await lab.traffic.start(planned, signal);
  using watch = await lab.traffic.watch(ref);
  await watch.until((view) => view.goodInARow > 20, signal);

  const t0 = instant(canaryClock);
  await using standby = await ha.session("b");
  await ha.cluster.server("a").stop("immediate");
  await watch.until((view) => (view.outage?.failures ?? 0) >= 3, signal);
  await standby.query("select pg_promote(true)");
  await pooler.pointTo("b");
  await watch.until((view) => view.goodInARow > 20, signal);
  await lab.traffic.stop(ref, "writers", signal);
  const { counts } = await lab.traffic.settle(ref, t0, signal);
  await lab.traffic.stop(ref, "all", signal);
  expect(counts).toMatchObject({ phantom: 0, duplicated: 0, altered: 0 });
  expect(counts.survived + counts.lost).toBe(counts.acknowledged);
  const { outages, outagesInAll } = await lab.traffic.outages(ref);
  expect(outagesInAll).toBeGreaterThan(0);
  expect(outages.at(-1)?.firstWrite).not.toBeNull();
});
