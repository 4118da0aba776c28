import { join } from "node:path";
import { expect, test } from "vitest";
import { nodeDatabase } from "../../../src/drills/node-database.ts";
import { freezeStep } from "../../../src/steps/fault/freeze.ts";
import type { NodeControl } from "../../../src/steps/ports/node-control.ts";
import { runStep } from "../../support/checks-context.ts";
import { faultScene } from "../../support/faults-scene.ts";
import { openSession, sandboxIds, sessions } from "../../support/pg-machine.ts";

const signal = new AbortController().signal;

test("a frozen primary takes connections and never answers; thawed it goes on where it stood", async () => {
  await using scene = await faultScene({ names: ["a", "b"] });
  const database = nodeDatabase(scene.system, scene.node("a"));
  await using held = await openSession(database);
  await held.query("begin");
  await held.query("create table open_work (n int)");
  const ctx = scene.context();
  await runStep(freezeStep(scene), {}, ctx);

  expect(ctx.recorded.marks).toMatchObject([{ mark: "T0", source: "orchestrator" }]);
  expect(await scene.control.frozen(scene.node("a"))).toBe(true);
  expect(await scene.control.running(scene.node("a"))).toBe(true);
  let answered = false;
  const query = held.query("select 1").then(() => void (answered = true));
  const limits = { readOnly: false, statementTimeoutMs: 1000, connectTimeoutMs: 300, signal };
  await expect(sessions.open(database, limits)).rejects.toThrow(/timeout|in time|within/u);
  expect(answered).toBe(false);

  expect(await scene.cleanUp(ctx)).toEqual(["/proc: no process of a stopped; asked: a primary, b standby"]);
  await query;
  await held.query("commit");
  expect(await held.query("select count(*)::int as n from open_work")).toEqual([{ n: 0 }]);
});

test("a frozen primary that was superseded is killed and held back, not woken up", async () => {
  await using scene = await faultScene({ names: ["a", "b"] });
  const ctx = scene.context();
  await runStep(freezeStep(scene), {}, ctx);
  const { pids } = await scene.control.processes(scene.node("a"), false);
  await scene.promote("b");
  expect(await scene.cleanUp(ctx)).toEqual(["/proc: no process of a stopped; asked: a unreachable, b primary"]);
  expect(pids.length).toBeGreaterThan(4);
  expect(await scene.control.running(scene.node("a"))).toBe(false);
  expect(await scene.control.heldBack(scene.node("a"))).toBe(true);
});

test("a freeze that a crash cut short is done again, and both are undone", async () => {
  await using scene = await faultScene({ names: ["a", "b"] });
  const control: NodeControl = {
    ...scene.control,
    freeze: async (...args) => {
      await scene.control.freeze(...args);
      throw new Error("crash");
    },
  };
  const step = freezeStep(scene);
  const dying = scene.context();
  await expect(runStep(freezeStep({ ...scene, control }), { node: "a" }, dying)).rejects.toThrow("crash");
  const resumed = scene.context();
  const input = step.with.parse({ node: "a" });
  expect(await step.reconcile?.(input, resumed)).toEqual({ kind: "did_not_happen" });
  await runStep(step, { node: "a" }, resumed);
  expect(resumed.recorded.marks).toHaveLength(1);
  await scene.cleanUp(resumed);
  await scene.cleanUp(dying);
  const [a] = await scene.replication.observe(scene.system, scene.system.nodes, { timeoutMs: 2000, signal });
  expect(a?.kind).toBe("primary");
});

test("under Patroni a frozen primary that was superseded is killed, and its start decides what it becomes", async () => {
  await using scene = await faultScene({ names: ["a", "b"] });
  const a = scene.node("a");
  const pidFile = join(scene.ha.dir, "supervisor.pid");
  // What Patroni does: it makes a standby of the server before it starts it.
  const as =
    process.getuid?.() === 0 ? `setpriv --reuid=${sandboxIds.uid} --regid=${sandboxIds.gid} --clear-groups` : "";
  const command = `touch "$0/standby.signal" && chown ${sandboxIds.uid} "$0/standby.signal" && exec ${as} "$1" -D "$0" -l "$0.log" -o "-p ${a.endpoint.port} -c listen_addresses=127.0.0.1" start`;
  const start = ["sh", "-c", command, a.dataDir ?? "", join(a.bin ?? "", "pg_ctl")];
  const nodes = scene.system.nodes.map((node) =>
    node.name === "a" ? { ...node, start, supervisorPidFile: pidFile, patroni: "http://127.0.0.1:1" } : node,
  );
  const ctx = scene.context({ system: { ...scene.system, nodes } });
  await runStep(freezeStep(scene), {}, ctx);
  const { pids } = await scene.control.processes(a, false);
  await scene.promote("b");
  expect(await scene.cleanUp(ctx)).toEqual(["/proc: no process of a stopped; asked: a standby, b primary"]);
  const now = (await scene.control.processes(a, false)).pids;
  expect(now.filter((pid) => pids.includes(pid))).toEqual([]);
});
