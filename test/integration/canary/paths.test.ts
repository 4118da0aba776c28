import { mkdir, readFile, symlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { connectAlong } from "../../../src/canary/connect-path.ts";
import { pathSpec } from "../../../src/canary/path-spec.ts";
import { clientPathOf } from "../../../src/drills/node-database.ts";
import { canaryClock, canaryLab, cutReplication, readSecret } from "../../support/canary-lab.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { majors } from "../../support/pg-machine.ts";

const { signal } = new AbortController();
const options = { clock: canaryClock, application: "test", signal };

/** Takes connections and never says a word: what a client sees of a frozen or half-open server. */
async function silentServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => void sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Passes everything on, but what the server reports of being a standby goes by another name. */
async function proxyTo(port: number): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((client) => {
    const behind = connect({ host: "127.0.0.1", port });
    client.pipe(behind);
    behind.on("data", (data) => {
      client.write(Buffer.from(data.toString("latin1").replace("in_hot_standby", "in_hot_sleeper"), "latin1"));
    });
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

async function specOf(ha: HaCluster): Promise<Awaited<ReturnType<typeof pathSpec>>> {
  return pathSpec(clientPathOf(ha.system), 2_000_000, readSecret);
}

test("hosts are tried in order, each within its own time: silent, refusing, standby, primary", async () => {
  await using ha = await startHaCluster();
  await using silent = await silentServer();
  const spec = await specOf(ha);
  const [primary, standby] = spec.hosts;
  if (primary === undefined || standby === undefined) throw new Error("two nodes");
  const dead = { host: "127.0.0.1", port: 1 };
  const mute = { host: "127.0.0.1", port: silent.port };

  const found = await connectAlong({ ...spec, hosts: [mute, dead, standby, primary] }, options);
  expect(found).toMatchObject({ kind: "connected", connection: { host: primary } });
  if (found.kind === "connected") await found.connection.close();

  const none = await connectAlong({ ...spec, hosts: [mute, dead, standby] }, options);
  expect(none).toEqual({ kind: "failed", reason: "connect_timeout,ECONNREFUSED,read_only" });

  const any = await connectAlong({ ...spec, hosts: [standby, primary], targetSessionAttrs: "any" }, options);
  expect(any).toMatchObject({ kind: "connected", connection: { host: standby } });
  if (any.kind === "connected") await any.connection.close();

  const wrong = await connectAlong({ ...spec, password: "wrong", hosts: [primary] }, options);
  expect(wrong).toEqual({ kind: "failed", reason: "28P01" });

  const name = await connectAlong({ ...spec, hosts: [{ host: "localhost", port: primary.port }] }, options);
  expect(name).toMatchObject({ connection: { endpoint: `localhost:${primary.port}[127.0.0.1]` } });
  if (name.kind === "connected") await name.connection.close();
});

test.each(majors.slice(0, 2))(
  "PostgreSQL %i: what does not tell by itself that it is a standby is asked",
  async (major) => {
    await using ha = await startHaCluster({ major });
    const spec = await specOf(ha);
    const [primary, standby] = spec.hosts;
    if (primary === undefined || standby === undefined) throw new Error("two nodes");
    // As with servers before 14 and with poolers.
    await using quietPrimary = await proxyTo(primary.port);
    await using quietStandby = await proxyTo(standby.port);
    const hosts = [quietStandby, quietPrimary].map(({ port }) => ({ host: "127.0.0.1", port }));
    const found = await connectAlong({ ...spec, hosts }, options);
    expect(found).toMatchObject({ kind: "connected", connection: { host: hosts[1] } });
    if (found.kind === "connected") await found.connection.close();
    expect(await connectAlong({ ...spec, hosts: hosts.slice(0, 1) }, options)).toEqual({
      kind: "failed",
      reason: "read_only",
    });
  },
);

test("a folder of a unix socket is a host, also one whose path is too long for a socket", async () => {
  await using ha = await startHaCluster({ names: ["a"] });
  await using lab = canaryLab(ha);
  const { host, port } = ha.cluster.database("a");
  const folder = join(lab.runDir, "long".repeat(40));
  await mkdir(folder);
  await symlink(join(host, `.s.PGSQL.${port}`), join(folder, `.s.PGSQL.${port}`));
  const planned = lab.plan({ path: { ...clientPathOf(ha.system), hosts: [{ host: folder, port }] } });
  await lab.traffic.prepare(planned, signal);
  const ref = await lab.traffic.start(planned, signal);
  await lab.traffic.stop(ref, "all", signal);
  const loss = await lab.traffic.settle(ref, null, signal);
  expect(loss.counts.survived).toBe(loss.counts.sent);
  expect(loss.readFrom).toMatchObject({ host: folder, port });
});

test("a path that leads to a server without writes: reads are good, writes are refused, and nothing of it is lost", async () => {
  await using ha = await startHaCluster({ names: ["a"] });
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  const planned = lab.plan({ path: { ...clientPathOf(ha.system), targetSessionAttrs: "any" } });
  await traffic.prepare(planned, signal);
  const ref = await traffic.start(planned, signal);
  using watch = await traffic.watch(ref);
  await using session = await ha.session("a");
  await session.query("alter system set default_transaction_read_only = on");
  await session.query("select pg_reload_conf()");
  const seen = await watch.until((view) => (view.outage?.failures ?? 0) > 3, signal);
  expect(seen.outage).toMatchObject({ reason: "25006", firstWrite: null });
  expect(seen.outage?.firstRead).not.toBeNull();
  expect(seen.lastRead?.monoUs).toBeGreaterThan(seen.lastGood?.monoUs ?? 0);

  await session.query("set default_transaction_read_only = off");
  await session.query("alter system reset default_transaction_read_only");
  await session.query("select pg_reload_conf()");
  await watch.until((view) => view.goodInARow > 3, signal);
  await traffic.stop(ref, "all", signal);
  const { counts } = await traffic.settle(ref, null, signal);
  expect(counts.refused).toBeGreaterThan(0);
  expect(counts).toMatchObject({ lost: 0, unknown: 0, failed: counts.refused, survived: counts.acknowledged });
});

test("a commit whose wait for the standby was cancelled is acknowledged with a warning, and counts as unknown", async () => {
  await using ha = await startHaCluster({ settings: { synchronous_standby_names: "*", synchronous_commit: "local" } });
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  // Only what the writers ask for makes them wait.
  const planned = lab.plan({ writers: 1, answerTimeoutUs: 30_000_000, synchronousCommit: "on" });
  await traffic.prepare(planned, signal);
  const ref = await traffic.start(planned, signal);
  await cutReplication(ha, "b");
  await using session = await ha.session("a");
  const cancel = `select pg_cancel_backend(pid) from pg_stat_activity
    where application_name = 'firedrill canary' and wait_event = 'SyncRep'`;
  for (let cancelled = 0; cancelled === 0;) cancelled = (await session.query(cancel)).length;
  await session.query("alter system set synchronous_standby_names = ''");
  await session.query("select pg_reload_conf()");
  await traffic.stop(ref, "all", signal);
  const ledger = await readFile(join(ref.dir, "writer.1.ledger"), "latin1");
  expect(ledger).toMatch(/^u \d+ 0 \d+ warning:01000$/mu);
  const { counts } = await traffic.settle(ref, null, signal);
  expect(counts).toMatchObject({ recoveredUnknown: 1, unknown: 1, lost: 0 });
});

test("a connection that an administrator ends is noticed at once, also between two probes", async () => {
  await using ha = await startHaCluster({ names: ["a"] });
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  const planned = lab.plan({ probeIntervalUs: 1_000_000 });
  await traffic.prepare(planned, signal);
  const ref = await traffic.start(planned, signal);
  using watch = await traffic.watch(ref);
  await using session = await ha.session("a");
  const [ended] = await session.query<{ now: string }>(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'firedrill prober'`,
  );
  const at = canaryClock.monoUs();
  expect(ended).toBeDefined();
  const seen = await watch.until((view) => view.outage !== null, signal);
  expect(seen.outage).toMatchObject({ reason: "57P01", failures: 1 });
  // Far less than an interval: it was not a probe that found it.
  expect(seen.outage?.firstFailed.monoUs).toBeLessThan(at + 500_000);
  const back = await watch.until((view) => view.goodInARow > 0, signal);
  expect(back.outage?.firstWrite).not.toBeNull();
});
