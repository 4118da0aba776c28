import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session } from "../../../src/steps/ports/postgres.ts";
import { replicationCutStep } from "../../../src/steps/fault/replication-cut.ts";
import { runStep } from "../../support/checks-context.ts";
import { type FaultScene, faultScene } from "../../support/faults-scene.ts";

const signal = new AbortController().signal;

async function one(session: Session, query: string): Promise<unknown> {
  const [row] = await session.query<{ v: unknown }>(`select (${query})::text as v`);
  return row?.v;
}

/** A replication connection that streams through the slot until it is ended by the server. */
async function holdSlot(scene: FaultScene, node: string, slot: string) {
  const { host, port } = scene.node(node).endpoint;
  const password = await readFile(scene.ha.cluster.passwordFile, "utf8");
  const config = { host, port, user: "postgres", password, replication: "true" };
  const client = new Client(config);
  const ended = new Promise<void>((resolve) => client.once("end", resolve));
  client.on("error", () => undefined);
  await client.connect();
  await client.query(`CREATE_REPLICATION_SLOT ${slot} PHYSICAL`);
  const { rows } = await client.query<{ xlogpos: string }>("IDENTIFY_SYSTEM");
  client.query(`START_REPLICATION SLOT ${slot} ${rows[0]?.xlogpos}`).catch(() => undefined);
  return { ended, [Symbol.asyncDispose]: async () => void client.connection.stream.destroy() };
}

describe("a cut of the replication", () => {
  let scene: FaultScene;
  beforeAll(async () => {
    scene = await faultScene({ names: ["a", "b", "c"] });
    await using primary = await scene.ha.session("a");
    await primary.query("create table written (n int)");
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  async function caughtUp(name: string): Promise<void> {
    await using primary = await scene.ha.session("a");
    await using standby = await scene.ha.session(name);
    const lsn = await one(primary, "pg_current_wal_lsn()");
    while ((await one(standby, `pg_last_wal_replay_lsn() >= '${String(lsn)}'::pg_lsn`)) !== "true") {
      if (signal.aborted) return;
    }
  }

  test("under writes, no standby receives a byte more until it is undone, and then they catch up", async () => {
    await using primary = await scene.ha.session("a");
    await using b = await scene.ha.session("b");
    await using c = await scene.ha.session("c");
    await primary.query("insert into written select generate_series(1, 20000)");
    const ctx = scene.context({ phase: "prepare" });
    const write = async (): Promise<void> => {
      for (let n = 0; n < 50; n += 1) await primary.query("insert into written select generate_series(1, 1000)");
    };
    const writes = write();
    await runStep(replicationCutStep(scene), {}, ctx);
    const received = () => Promise.all([b, c].map((session) => one(session, "pg_last_wal_receive_lsn()")));
    const before = await received();
    expect(ctx.recorded.marks).toEqual([]);
    const [fact] = ctx.recorded.facts;
    expect(fact).toMatchObject({ fault: "fault/replication-cut", node: "b, c" });
    const said = fact?.kind === "injection" ? fact.detail : "";
    expect([...said.matchAll(/received up to (\S+);/gu)].map(([, lsn]) => lsn)).toEqual(before);
    await writes;
    expect(await received()).toEqual(before);
    expect(await one(primary, "select count(*) from pg_stat_replication where state = 'streaming'")).toBe("0");

    expect(await scene.cleanUp(ctx)).toEqual([expect.stringMatching(/(primary_slot_name = ''.*){3}/u)]);
    await caughtUp("b");
    await caughtUp("c");
    expect(await one(b, "select count(*) from written")).toBe("70000");
  });

  test("one standby of two, and the slot that ALTER SYSTEM had named comes back", async () => {
    await using primary = await scene.ha.session("a");
    await using b = await scene.ha.session("b");
    await primary.query("select pg_create_physical_replication_slot('slot_b')");
    await b.query("alter system set primary_slot_name = 'slot_b'");
    await b.query("select pg_reload_conf()");
    const ctx = scene.context();
    await runStep(replicationCutStep(scene), { standby: "b" }, ctx);
    expect(ctx.recorded.marks).toMatchObject([{ mark: "T0" }]);
    await primary.query("insert into written values (0)");
    await caughtUp("c");
    expect(await scene.cleanUp(ctx)).toEqual([expect.stringContaining("primary_slot_name = 'slot_b'")]);
    await caughtUp("b");
    expect(JSON.stringify(ctx.planned)).not.toMatch(/conninfo|passfile=/u);
  });

  test("a standby whose replay is paused keeps its receiver, and is not said to be cut off", async () => {
    await using primary = await scene.ha.session("a");
    await using b = await scene.ha.session("b");
    await b.query("select pg_wal_replay_pause()");
    await primary.query("insert into written values (2)");
    const ctx = scene.context({ signal: AbortSignal.timeout(1500) });
    await expect(runStep(replicationCutStep(scene), { standby: "b" }, ctx)).rejects.toThrow(/timeout/u);
    expect(await one(primary, "select count(*) from pg_stat_replication where application_name = 'b'")).toBe("1");
    await b.query("select pg_wal_replay_resume()");
    await scene.cleanUp(ctx);
    await caughtUp("b");
  });

  test("a standby that also reads an archive is said to", async () => {
    await using c = await scene.ha.session("c");
    await c.query("alter system set restore_command = 'false'");
    await c.query("select pg_reload_conf()");
    const ctx = scene.context();
    await runStep(replicationCutStep(scene), { standby: "c" }, ctx);
    expect(ctx.recorded.deviations).toEqual(["FAULT_ARCHIVE_FEEDS"]);
    await scene.cleanUp(ctx);
    await c.query("alter system reset restore_command");
    await c.query("select pg_reload_conf()");
  });

  test("after a crash the standby's own setting tells whether it happened", async () => {
    const step = replicationCutStep(scene);
    const { replication } = scene.faults;
    for (const [act, kind] of [
      [false, "did_not_happen"],
      [true, "happened"],
    ] as const) {
      const cut = async (...args: Parameters<typeof replication.cut>) => {
        if (act) await replication.cut(...args);
        throw new Error("crash");
      };
      const ctx = scene.context({ attempt: act ? 7 : 8 });
      const faults = { ...scene.faults, replication: { ...replication, cut } };
      await expect(runStep(replicationCutStep({ ...scene, faults }), {}, ctx)).rejects.toThrow("crash");
      expect(await step.reconcile?.(step.with.parse({}), ctx)).toMatchObject({ kind });
      await scene.cleanUp(ctx);
    }
  });

  test("a repoint in the meantime made the slot: it is dropped, so that it keeps no WAL", async () => {
    const ctx = scene.context();
    await runStep(replicationCutStep(scene), { standby: "c" }, ctx);
    await scene.replication.follow(scene.system, scene.node("c"), scene.node("a"), signal);
    await using a = await scene.ha.session("a");
    const slots = "select count(*) from pg_replication_slots where slot_name like 'firedrill%'";
    expect(await one(a, slots)).toBe("1");
    await scene.cleanUp(ctx);
    expect(await one(a, slots)).toBe("0");
    await a.query("insert into written values (1)");
    await caughtUp("c");
  });

  test("a receiver that goes on with its old connection, and the slot, is made to connect again", async () => {
    const ctx = scene.context();
    await runStep(replicationCutStep(scene), { standby: "c" }, ctx);
    // As a walreceiver does that waited for a new timeline while its settings changed.
    await using holder = await holdSlot(scene, "a", "firedrill_cut_held");
    await scene.cleanUp(ctx);
    await using a = await scene.ha.session("a");
    expect(await one(a, "select count(*) from pg_replication_slots where slot_name like 'firedrill%'")).toBe("0");
    await holder.ended;
    await caughtUp("c");
  });

  test("where the login may not end it, the standbys are made to connect anew, and it is waited for", async () => {
    await using a = await scene.ha.session("a");
    await using b = await scene.ha.session("b");
    const receiver = "select pid from pg_stat_wal_receiver";
    for (const statement of [
      "create role drill login replication password 'drill'",
      "grant pg_monitor, pg_signal_backend to drill",
      "grant alter system on parameter primary_slot_name to drill",
      "grant execute on function pg_reload_conf() to drill",
    ])
      await a.query(statement);
    await caughtUp("c");
    const file = join(scene.runDir, "password");
    await writeFile(file, "drill", { mode: 0o600 });
    const credentials = { user: "drill", password: `file:${file}`, database: "postgres", replication: null };
    const ctx = scene.context({ system: { ...scene.system, credentials } });
    await runStep(replicationCutStep(scene), { standby: "c" }, ctx);
    await using holder = await holdSlot(scene, "a", "firedrill_cut_held");
    const log = join(scene.ha.dir, "a/server.log");
    const letGo = async (): Promise<void> => {
      while (!/to terminate process|superuser to terminate/u.test(await readFile(log, "utf8")))
        await new Promise((resolve) => setImmediate(resolve));
      await holder[Symbol.asyncDispose]();
    };
    const before = await one(b, receiver);
    const [proofs] = await Promise.all([scene.cleanUp(ctx), letGo()]);
    expect(proofs).toHaveLength(1);
    await a.query("insert into written values (3)");
    await caughtUp("b");
    await caughtUp("c");
    expect(await one(b, receiver)).not.toBe(before);
  });

  test("it is also undone at a standby that was promoted meanwhile", async () => {
    const ctx = scene.context();
    await runStep(replicationCutStep(scene), {}, ctx);
    await scene.control.stop(scene.node("a"), "immediate", 5000, signal);
    await scene.promote("b");
    expect(await scene.cleanUp(ctx)).toHaveLength(1);
    await expect(runStep(replicationCutStep(scene), { standby: "b" }, ctx)).rejects.toMatchObject({
      code: "FAULT_NO_TARGET",
      message: expect.stringContaining("b is primary") as string,
    });
  });
});
