import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, connect, type AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeDatabase } from "../../../src/drills/node-database.ts";
import { iptables } from "../../../src/faults/iptables.ts";
import { nftables } from "../../../src/faults/nftables.ts";
import type { PacketFilter } from "../../../src/faults/packet-filter.ts";
import { findTool } from "../../../src/faults/run-tool.ts";
import { partitionStep } from "../../../src/steps/fault/partition.ts";
import { runStep } from "../../support/checks-context.ts";
import { type FaultScene, faultScene, INSTALLATION } from "../../support/faults-scene.ts";
import { openSession, sessions } from "../../support/pg-machine.ts";

const signal = new AbortController().signal;
const path = process.env["PATH"] ?? "";

async function usable(name: "nft" | "iptables"): Promise<PacketFilter | null> {
  const program = await findTool(name, path);
  if (program === null || process.getuid?.() !== 0) return null;
  const filter = name === "nft" ? nftables(program) : iptables({ 4: program, 6: await findTool("ip6tables", path) });
  return (await filter.lacks(signal)) === null ? filter : null;
}

const filters = { nft: await usable("nft"), iptables: await usable("iptables") };
const none = filters.nft === null && filters.iptables === null;
const lack = "SKIPPED: dropping packets needs root with CAP_NET_ADMIN and nft or iptables";

describe.skipIf(none)(
  `a partitioned primary that something restarts, and that knows of no cluster${none ? ` (${lack})` : ""}`,
  () => {
    test("is not set free where another one took its place", async () => {
      await using scene = await faultScene({ names: ["a", "b"] });
      const restarter = spawn("/bin/sleep", ["120"], { stdio: "ignore" });
      await once(restarter, "spawn");
      try {
        const supervisorPidFile = join(scene.runDir, "restarter.pid");
        await writeFile(supervisorPidFile, `${restarter.pid}\n`);
        const nodes = [{ ...scene.node("a"), supervisorPidFile }, scene.node("b")];
        const ctx = scene.context({ system: { ...scene.system, nodes } });
        await runStep(partitionStep(scene), {}, ctx);
        await scene.promote("b");
        // It cannot be stopped for good: what restarts it is nobody's to end but by the inventory's `stop`.
        await expect(scene.cleanUp(ctx)).rejects.toMatchObject({ code: "NODE_SUPERVISOR" });
        const views = await scene.replication.observe(scene.system, scene.system.nodes, { timeoutMs: 1000, signal });
        expect(views.map(({ kind }) => kind)).toEqual(["unreachable", "primary"]);
        // With its end it can be put away.
        restarter.kill("SIGKILL");
        await once(restarter, "exit");
        expect((await scene.cleanUp(ctx))[0]).toMatch(/is not there; asked: a unreachable, b primary$/u);
        expect(await scene.control.heldBack(scene.node("a"))).toBe(true);
      } finally {
        restarter.kill("SIGKILL");
      }
    });
  },
);

describe.skipIf(none)(`a partitioned primary${none ? ` (${lack})` : ""}`, () => {
  let scene: FaultScene;
  beforeAll(async () => void (scene = await faultScene({ names: ["a", "b", "c"] })));
  afterAll(() => scene[Symbol.asyncDispose]());
  const limits = { readOnly: false, statementTimeoutMs: 500, connectTimeoutMs: 300, signal };
  const views = () => scene.replication.observe(scene.system, scene.system.nodes, { timeoutMs: 1000, signal });

  test("answers neither new nor established connections, refuses none, and others' ports go on; then serves again", async () => {
    const database = nodeDatabase(scene.system, scene.node("a"));
    await using established = await openSession(database);
    const ctx = scene.context();
    await runStep(partitionStep(scene), {}, ctx);
    expect(ctx.recorded.marks).toMatchObject([{ mark: "T0" }]);
    await expect(sessions.open(database, limits)).rejects.not.toThrow("ECONNREFUSED");
    let answered = false;
    const query = established.query("select 1").then(() => (answered = true));
    const kinds = (await views()).map(({ kind }) => kind);
    expect(kinds).toEqual(["unreachable", "standby", "standby"]);
    expect(answered).toBe(false);
    // By its unix socket the server itself is well.
    await using inside = await scene.ha.session("a");
    expect(await inside.query("select 1 as one")).toEqual([{ one: 1 }]);

    const found = await scene.keeper.list(INSTALLATION, signal);
    expect(found).toMatchObject([{ run: "run-1", ownerAlive: false }]);
    await expect(scene.keeper.destroy(found[0]?.locator ?? {}, signal)).rejects.toMatchObject({
      code: "FAULT_UNDECIDED",
    });
    const [proof] = await scene.cleanUp(ctx);
    expect(proof).toMatch(/is not there; asked: a primary, b standby, c standby$/u);
    expect(await scene.keeper.list(INSTALLATION, signal)).toEqual([]);
    await query;
  });

  test("after a crash the packet filter tells whether it happened", async () => {
    const step = partitionStep(scene);
    const { network } = scene.faults;
    const crash = (act: boolean) => ({
      ...scene.faults,
      network: {
        ...network,
        drop: async (...args: Parameters<typeof network.drop>) => {
          if (act) await network.drop(...args);
          throw new Error("crash");
        },
      },
    });
    for (const [act, kind] of [
      [false, "did_not_happen"],
      [true, "happened"],
    ] as const) {
      const ctx = scene.context({ attempt: act ? 7 : 8 });
      await expect(runStep(partitionStep({ ...scene, faults: crash(act) }), { node: "a" }, ctx)).rejects.toThrow(
        "crash",
      );
      expect(await step.reconcile?.(step.with.parse({ node: "a" }), ctx)).toMatchObject({ kind });
      await scene.cleanUp(ctx);
    }
  });

  test("once superseded it is stopped and held back before it can be reached again", async () => {
    const ctx = scene.context();
    await runStep(partitionStep(scene), {}, ctx);
    await scene.promote("b");
    const [proof] = await scene.cleanUp(ctx);
    expect(proof).toMatch(/is not there; asked: a unreachable, b primary, c standby$/u);
    expect(await scene.control.running(scene.node("a"))).toBe(false);
    expect(await scene.control.heldBack(scene.node("a"))).toBe(true);
  });

  test("a port that nothing on this machine listens on is not dropped", async () => {
    const plan = scene.faults.network.plan({ host: "127.0.0.1", port: scene.node("a").endpoint.port }, "run-1");
    await expect(plan).rejects.toMatchObject({ code: "FAULT_UNAVAILABLE" });
  });
});

describe.each(["nft", "iptables"] as const)("%s", (name) => {
  const filter = filters[name];
  test.skipIf(filter === null)(
    `drops one port of one address and nothing else${filter === null ? ` (${lack})` : ""}`,
    async () => {
      if (filter === null) return;
      const victim = await listen("127.0.0.1", 0);
      // Same port, another address; and another port at the same address.
      const twin = await listen("127.0.0.2", victim.port);
      const neighbour = await listen("127.0.0.1", 0);
      const id = `firedrill_${INSTALLATION}_run-1_${name === "nft" ? "00000001" : "00000002"}`;
      try {
        expect(
          await filter.put({ id, port: victim.port, addresses: [{ family: 4, address: "127.0.0.1" }] }, signal),
        ).toBe(null);
        expect(await filter.ids(signal)).toContain(id);
        expect([await reach(victim), await reach(twin), await reach(neighbour)]).toEqual([
          "silence",
          "answer",
          "answer",
        ]);
      } finally {
        await filter.remove(id, signal);
        await filter.remove(id, signal);
      }
      expect(await filter.ids(signal)).not.toContain(id);
      expect(await reach(victim)).toBe("answer");
      for (const server of [victim, twin, neighbour]) server.close();
    },
  );
});

test("without the capability nothing is planned, and the message says what is missing", async () => {
  const script = `
    import { createSystemFaults } from "./src/faults/system-faults.ts";
    const faults = createSystemFaults({ path: "", installation: "fd-x", neededFolders: [] });
    await faults.network.plan({ host: "127.0.0.1", port: 1 }, "run").catch((e) => console.log(e.code, e.message));`;
  const { execFile } = await import("node:child_process");
  const { promisify } = await import("node:util");
  const asRoot = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-net_admin", "--"] : [];
  const [program, ...args] = [...asRoot, process.execPath, "--input-type=module-typescript", "-e", script];
  const { stdout } = await promisify(execFile)(program, args);
  expect(stdout.trim()).toBe("FAULT_UNAVAILABLE dropping packets needs the capability CAP_NET_ADMIN, which we lack");
});

async function listen(host: string, port: number) {
  const server = createServer((socket) => void socket.on("error", () => undefined).end("hello"));
  await new Promise<void>((resolve) => void server.listen(port, host, resolve));
  const { port: bound } = server.address() as AddressInfo; // it listens on TCP
  return { host, port: bound, close: () => server.close() };
}

function reach({ host, port }: { readonly host: string; readonly port: number }): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 300 });
    const end = (answer: string): void => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once("data", () => end("answer"))
      .once("timeout", () => end("silence"))
      .once("error", () => end("refusal"));
  });
}
