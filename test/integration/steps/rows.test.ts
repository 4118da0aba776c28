import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowsStep } from "../../../src/steps/verify/rows.ts";
import { runCheck } from "../../support/checks-context.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";

let lab: ChecksLab;
beforeAll(async () => {
  lab = await startChecksLab();
  await lab.sql(`create table orders (id int primary key); insert into orders select generate_series(1, 5);
    create table empty (id int);
    create schema "My Shop"; create table "My Shop"."Ta.ble" (id int); insert into "My Shop"."Ta.ble" values (1);
    create table parts (id int) partition by range (id);
    create table parts_low partition of parts for values from (0) to (10);
    insert into parts values (1), (2);
    create role reader login; grant select on orders to reader;
    alter table orders enable row level security; create policy none on orders using (id < 2)`);
});
afterAll(() => lab[Symbol.asyncDispose]());

const step = () => rowsStep({ sessions: lab.sessions });

describe("verify/rows", () => {
  test("counts exactly and expects some rows by default", async () => {
    const check = await runCheck(step(), { on: lab.database(), table: "public.orders" });
    expect(check).toMatchObject({
      passed: true,
      expected: "> 0",
      actual: "public.orders: 5 rows",
      outputs: { rows: "5" },
      coverage: { checked: 1, total: 1, unit: "tables" },
    });
  });

  test("fails on an empty table", async () => {
    expect(await runCheck(step(), { on: lab.database(), table: "public.empty" })).toMatchObject({
      passed: false,
      actual: "public.empty: 0 rows",
    });
  });

  test("fails when there are fewer rows than expected", async () => {
    expect(await runCheck(step(), { on: lab.database(), table: "orders", expect: ">= 6" })).toMatchObject({
      passed: false,
      actual: "public.orders: 5 rows",
    });
  });

  test("fails on a missing table and names the nearest one", async () => {
    const check = await runCheck(step(), { on: lab.database(), table: "public.ordres" });
    expect(check).toMatchObject({
      passed: false,
      actual: "public.ordres is missing (near: public.orders)",
      coverage: { checked: 0, total: 1 },
    });
    const elsewhere = await runCheck(step(), { on: lab.database(), table: "sales.orders" });
    expect(elsewhere).toMatchObject({ passed: false, actual: "sales.orders is missing (near: public.orders)" });
  });

  test("reads quoted names by the server's rules, and counts through partitions", async () => {
    const check = await runCheck(step(), { on: lab.database(), tables: ['"My Shop"."Ta.ble"', "PARTS"] });
    expect(check).toMatchObject({ passed: true, outputs: { rows: "3", tables: [{ rows: "1" }, { rows: "2" }] } });
  });

  test("one bad table of several fails the check and is the one that is told", async () => {
    const check = await runCheck(step(), { on: lab.database(), tables: ["orders", "empty", "gone"] });
    expect(check).toMatchObject({ passed: false, coverage: { checked: 2, total: 3 } });
    expect(check.actual).toMatch(/^public\.empty: 0 rows; gone is missing/u);
  });

  test("an index is not a table, and a text that is no name is an error", async () => {
    expect(await runCheck(step(), { on: lab.database(), table: "orders_pkey" })).toMatchObject({ passed: false });
    await expect(runCheck(step(), { on: lab.database(), table: "a b; drop table orders" })).rejects.toMatchObject({
      code: "TABLE_NAME",
    });
    await expect(runCheck(step(), { on: lab.database(), table: "a.b.c.d" })).rejects.toMatchObject({
      code: "TABLE_NAME",
    });
  });

  test("rows hidden by a policy are an error, not a smaller number", async () => {
    const on = { ...lab.database(), user: "reader", sandbox: null };
    await expect(runCheck(step(), { on, table: "orders" })).rejects.toMatchObject({ code: "PG_QUERY" });
  });

  test("wants exactly one of table and tables", () => {
    const { with: schema } = step();
    expect(schema.safeParse({ on: lab.database() }).success).toBe(false);
    expect(schema.safeParse({ on: lab.database(), table: "a", tables: ["b"] }).success).toBe(false);
    expect(schema.safeParse({ on: lab.database(), tables: [] }).success).toBe(false);
  });
});
