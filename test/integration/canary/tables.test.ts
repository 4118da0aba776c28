import { afterAll, beforeAll, expect, test } from "vitest";
import { canaryTableKeeper } from "../../../src/canary/table-keeper.ts";
import type { TrafficRef } from "../../../src/drills/traffic-ref.ts";
import { canaryDeps, canaryLab, type CanaryLab } from "../../support/canary-lab.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";

const { signal } = new AbortController();
const keeper = canaryTableKeeper(canaryDeps);

let ha: HaCluster;
beforeAll(async () => {
  ha = await startHaCluster({ names: ["a"] });
});
afterAll(() => ha[Symbol.asyncDispose]());

/** Both writers have written what the tests change: how fast they are is the machine's affair. */
async function untilWritten({ schema, table }: TrafficRef): Promise<void> {
  await using session = await ha.session("a");
  const far = `select writer from ${schema}.${table} where seq >= 8 group by writer`;
  while ((await session.query(far)).length < 2) signal.throwIfAborted();
}

async function stoppedTraffic(lab: CanaryLab): Promise<TrafficRef> {
  const planned = lab.plan();
  await lab.traffic.prepare(planned, signal);
  const ref = await lab.traffic.start(planned, signal);
  using watch = await lab.traffic.watch(ref);
  await watch.until((view) => view.goodInARow > 10, signal);
  await untilWritten(ref);
  await lab.traffic.stop(ref, "all", signal);
  return ref;
}

test("what was done to the table shows: deleted, doubled, changed and foreign markers", async () => {
  await using lab = canaryLab(ha);
  const { traffic } = lab;
  const ref = await stoppedTraffic(lab);
  const table = `${ref.schema}.${ref.table}`;
  const { counts: before } = await traffic.settle(ref, null, signal);
  expect(before).toMatchObject({ survived: before.sent, acknowledged: before.sent });

  await using session = await ha.session("a");
  await session.query(`delete from ${table} where writer = 0 and seq in (2, 3, 5)`);
  await session.query(`insert into ${table} select * from ${table} where writer = 1 and seq = 2`);
  await session.query(`update ${table} set payload = reverse(payload) where writer = 1 and seq = 3`);
  await session.query(`update ${table} set sent_us = sent_us + 1 where writer = 1 and seq = 4`);
  await session.query(`insert into ${table} values (0, 1000000, 1, ''), (7, 1, 1, ''), (0, -1, 1, '')`);
  const loss = await traffic.settle(ref, null, signal);
  expect(loss.counts).toEqual({ ...before, survived: before.sent - 6, lost: 3, duplicated: 1, altered: 2, phantom: 3 });
  expect(loss.lost).toMatchObject({
    ranges: [
      { writer: 0, from: 2, to: 3 },
      { writer: 0, from: 5, to: 5 },
    ],
    rangesInAll: 2,
    first: { writer: 0, seq: 2 },
    last: { writer: 0, seq: 5 },
    bytes: 192,
  });

  await session.query(`drop table ${table}`);
  const { counts } = await traffic.settle(ref, null, signal);
  expect(counts).toMatchObject({ lost: before.acknowledged, survived: 0 });
  await keeper.destroy(lab.plan().locators.table, signal);
});

test("the keeper drops the tables and the schema that we made, leaves those of others, and proves it", async () => {
  await using one = canaryLab(ha);
  await using other = canaryLab(ha);
  const [mine, theirs] = [one.plan(), other.plan()];
  await one.traffic.prepare(mine, signal);
  await one.traffic.prepare(mine, signal);
  await other.traffic.prepare(theirs, signal);
  await using session = await ha.session("a");
  const schemas = (): Promise<readonly unknown[]> =>
    session.query("select nspname from pg_namespace where nspname = 'firedrill_canary'");
  const locator = mine.locators.table;
  expect(await keeper.verifyGone(locator, signal)).toMatchObject({ gone: false });
  await keeper.destroy(locator, signal);
  await keeper.destroy(locator, signal);
  expect(await keeper.verifyGone(locator, signal)).toMatchObject({
    gone: true,
    how: expect.stringContaining("neither") as unknown,
  });
  expect(await schemas()).toHaveLength(1);
  await session.query(`drop table if exists firedrill_canary.canary_000000000000`);
  await keeper.destroy(theirs.locators.table, signal);
  const left = await session.query("select relname from pg_class where relname like 'canary%'");
  expect([await schemas(), left]).toEqual([[], []]);

  await session.query("create schema firedrill_canary");
  await one.traffic.prepare(mine, signal);
  await keeper.destroy(locator, signal);
  expect(await schemas()).toHaveLength(1);
  await session.query("drop schema firedrill_canary");
  expect(await keeper.list("anybody", signal)).toEqual([]);
});

test("the keeper throws while no server takes writes, and refuses to drop what is no canary's", async () => {
  await using lab = canaryLab(ha);
  const { table } = lab.plan().locators;
  await using session = await ha.session("a");
  await session.query("alter system set default_transaction_read_only = on");
  await session.query("select pg_reload_conf()");
  const refused = { code: "PG_CONNECT", message: expect.stringContaining("read_only") as unknown };
  await expect(keeper.destroy(table, signal)).rejects.toMatchObject(refused);
  await expect(keeper.verifyGone(table, signal)).rejects.toMatchObject(refused);
  await session.query("set default_transaction_read_only = off");
  await session.query("alter system reset default_transaction_read_only");
  await session.query("select pg_reload_conf()");
  for (const foreign of [{ ...table, schema: "public" }, { ...table, table: "orders" }, {}]) {
    await expect(keeper.destroy(foreign, signal)).rejects.toMatchObject({ code: "TRAFFIC_LOCATOR" });
  }
});
