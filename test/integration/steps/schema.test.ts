import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createBaselines,
  readBaseline,
  takeFingerprint,
  writeBaseline,
} from "../../../src/databases/postgres-content/baseline.ts";
import { contentReader } from "../../../src/databases/postgres-content/content-reader.ts";
import { schemaStep } from "../../../src/steps/verify/schema.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { runCheck } from "../../support/checks-context.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";

let lab: ChecksLab;
let databases = 0;
beforeAll(async () => {
  lab = await startChecksLab();
  await lab.sql("create database original");
  await lab.sql(
    `create type mood as enum ('fine', 'lost');
     create table customers (id int primary key, name text not null);
     create table orders (id bigint generated always as identity primary key, customer int not null references customers, total numeric(10,2) default 0 check (total >= 0), at timestamptz default now(), state mood);
     insert into customers values (1, 'a'); create index orders_at on orders (at) where total > 10;
     create sequence numbers increment 5;
     create view big as select * from orders where total > 100; create materialized view sums as select customer, sum(total) from orders group by 1;
     create function add(a int, b int) returns int language sql as 'select a + b';
     create aggregate total_of(int) (sfunc = add, stype = int);
     create function note() returns trigger language plpgsql as 'begin return new; end';
     create trigger noted before insert on orders for each row execute function note();
     create table parts (id int) partition by range (id); create table parts_low partition of parts for values from (0) to (10);
     create extension pageinspect`,
    "original",
  );
  await using session = await lab.session("original");
  await writeBaseline(join(lab.dir, "baseline.json"), await takeFingerprint(session, { clock: systemClock() }));
});
afterAll(() => lab[Symbol.asyncDispose]());

const check = (database: string, baseline = "baseline.json") =>
  runCheck(
    schemaStep({ sessions: lab.sessions, content: contentReader, baselines: createBaselines({ baseDir: lab.dir }) }),
    { on: lab.database(database), baseline },
  );

async function copyWith(change: string): Promise<string> {
  databases += 1;
  const name = `copy_${databases}`;
  await lab.sql(`create database ${name} template original strategy file_copy`);
  await lab.sql(change, name);
  return name;
}

describe("verify/schema", () => {
  test("is green for an equal copy whatever the session's search path", async () => {
    const copy = await copyWith(
      "do $$ begin execute format('alter database %I set search_path = pg_catalog', current_database()); end $$",
    );
    expect(await check(copy)).toMatchObject({ passed: true, outputs: { differences: [] } });
  });

  test.each([
    ["a dropped index", "drop index orders_at", ["index public.orders_at is missing"]],
    ["a dropped column", "alter table customers drop column name", ["column public.customers.name is missing"]],
    [
      "an additional column",
      "alter table customers add column more int",
      ["column public.customers.more was not there"],
    ],
    [
      "a column's type",
      "alter table customers alter name type varchar(50)",
      ["column public.customers.name: type is character varying(50), was text"],
    ],
    [
      "a column that takes NULL",
      "alter table customers alter name drop not null",
      ["column public.customers.name: nullable is yes, was no"],
    ],
    [
      "a lost default",
      "alter table orders alter at drop default",
      ["column public.orders.at: default is none, was now()"],
    ],
    [
      "a lost constraint",
      "alter table orders drop constraint orders_customer_fkey",
      ["constraint public.orders.orders_customer_fkey is missing"],
    ],
    [
      "another index definition",
      "drop index orders_at; create index orders_at on orders (at)",
      [expect.stringMatching(/^index public\.orders_at: definition is CREATE INDEX/u)],
    ],
    [
      "an invalid index",
      "update pg_index set indisvalid = false where indexrelid = 'orders_at'::regclass",
      ["index public.orders_at: valid is no, was yes"],
    ],
    [
      "a missing table, told once",
      "drop table parts",
      ["table public.parts is missing", "table public.parts_low is missing"],
    ],
    ["a changed sequence", "alter sequence numbers increment 1", ["sequence public.numbers: increment is 1, was 5"]],
    [
      "a changed view",
      "create or replace view big as select * from orders where total > 99",
      ["view public.big: its definition changed"],
    ],
    [
      "a changed function",
      "create or replace function add(a int, b int) returns int language sql as 'select a - b'",
      ["function public.add(a integer, b integer): its definition changed"],
    ],
    ["a missing trigger", "drop trigger noted on orders", ["trigger public.orders.noted is missing"]],
    [
      "a disabled trigger",
      "alter table orders disable trigger noted",
      ["trigger public.orders.noted: enabled is no, was yes"],
    ],
    ["a missing extension", "drop extension pageinspect", ["extension pageinspect is missing"]],
    [
      "another version of an extension",
      "update pg_extension set extversion = '1.0' where extname = 'pageinspect'",
      [expect.stringMatching(/^extension pageinspect: version is 1\.0, was /u)],
    ],
  ])("turns red on %s", async (_what, change, differences) => {
    const found = await check(await copyWith(change));
    expect(found).toMatchObject({ passed: false, outputs: { differences } });
  });

  test("an empty copy is red, and names what is missing", async () => {
    await lab.sql("create database nothing");
    const found = await check("nothing");
    expect(found.passed).toBe(false);
    expect(found.actual).toContain("table public.customers is missing");
  });

  test("the amcheck of an earlier check and the heartbeat are no differences", async () => {
    expect(
      await check(
        await copyWith(
          "create schema firedrill_amcheck; create extension amcheck schema firedrill_amcheck; create schema firedrill; create table firedrill.heartbeat (id int)",
        ),
      ),
    ).toMatchObject({ passed: true });
  });

  test("a missing baseline and one without tables are errors", async () => {
    await expect(check("original", "missing.json")).rejects.toMatchObject({
      code: "BASELINE_MISSING",
      hint: expect.stringContaining("firedrill fingerprint") as string,
    });
    const baseline = await readBaseline(join(lab.dir, "baseline.json"));
    await writeFile(
      join(lab.dir, "hollow.json"),
      JSON.stringify({ ...baseline, schema: { ...baseline.schema, tables: {} } }),
    );
    await expect(check("original", "hollow.json")).rejects.toMatchObject({ code: "SCHEMA_NOTHING" });
  });
});
