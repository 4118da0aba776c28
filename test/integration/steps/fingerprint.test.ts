import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createBaselines,
  readBaseline,
  takeFingerprint,
  writeBaseline,
} from "../../../src/databases/postgres-content/baseline.ts";
import { contentReader } from "../../../src/databases/postgres-content/content-reader.ts";
import { fingerprintStep } from "../../../src/steps/postgres/fingerprint.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { runCheck } from "../../support/checks-context.ts";
import { overwrite } from "../../support/checks-damage.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";

let lab: ChecksLab;
let databases = 0;
beforeAll(async () => {
  lab = await startChecksLab();
  await lab.sql("create database original");
  await lab.sql(
    `create table orders (id bigint primary key, customer text, total numeric(12,2), at timestamptz, ratio float8, raw bytea, note json);
     insert into orders select g, 'customer ' || g, g * 1.10, '2026-01-01'::timestamptz + g * interval '1 microsecond', 1.0 / g, decode(md5(g::text), 'hex'), json_build_object('n', g) from generate_series(1, 2000) g;
     create table empty (id int);
     create schema "My Shop"; create table "My Shop"."Ta.ble" ("Id" int, r text); insert into "My Shop"."Ta.ble" values (1, 'a'), (2, null), (3, '');
     create table parts (id int, v text) partition by range (id); create table parts_low partition of parts for values from (0) to (10); insert into parts values (1, 'x'), (1, 'x');
     create unlogged table scratch (id int); insert into scratch values (1);
     create table gone_column (a int, b int, c int); insert into gone_column values (1, 2, 3); alter table gone_column drop column b;
     create sequence numbers; select nextval('numbers');
     create schema firedrill; create table firedrill.heartbeat (seq bigint)`,
    "original",
  );
  await using session = await lab.session("original");
  await writeBaseline(join(lab.dir, "baseline.json"), await takeFingerprint(session, { clock: systemClock() }));
});
afterAll(() => lab[Symbol.asyncDispose]());

const check = (database: string, tables?: readonly string[], baseline = "baseline.json") =>
  runCheck(
    fingerprintStep({
      sessions: lab.sessions,
      content: contentReader,
      baselines: createBaselines({ baseDir: lab.dir }),
    }),
    {
      on: lab.database(database),
      baseline,
      ...(tables === undefined ? {} : { tables: [...tables] }),
    },
  );

/** A copy of the original in which one thing was changed. */
async function copyWith(change: string): Promise<string> {
  databases += 1;
  const name = `copy_${databases}`;
  await lab.sql(`create database ${name} template original strategy file_copy`);
  await lab.sql(change, name);
  return name;
}

describe("postgres/fingerprint", () => {
  test("is equal for the same content, and reads tables, partitions and odd names", async () => {
    const found = await check("original");
    expect(found).toMatchObject({
      passed: true,
      coverage: { checked: 5, total: 5, unit: "tables" },
      outputs: { differences: [] },
    });
    const { tables, excluded } = await readBaseline(join(lab.dir, "baseline.json"));
    expect(Object.keys(tables).toSorted()).toEqual([
      '"My Shop"."Ta.ble"',
      "public.empty",
      "public.gone_column",
      "public.orders",
      "public.parts_low",
    ]);
    expect(excluded).toEqual({ "public.scratch": "unlogged table: a restore empties it" });
  });

  test.each([
    [
      "another order and place of the rows",
      "create table t as select * from orders order by id desc; truncate orders; insert into orders select * from t; drop table t".replace(
        "; vacuum full orders",
        "",
      ),
    ],
    [
      "compression and fill factor",
      "alter table orders alter customer set storage external; alter table orders set (fillfactor = 20); update orders set id = id",
    ],
    [
      "settings of the database",
      "do $$ begin execute format('alter database %I set timezone = ''Asia/Tokyo''', current_database()); execute format('alter database %I set extra_float_digits = -10', current_database()); execute format('alter database %I set bytea_output = escape', current_database()); end $$",
    ],
    ["the heartbeat", "insert into firedrill.heartbeat values (1); create table firedrill.more (id int)"],
    ["an unlogged table", "truncate scratch"],
    ["a sequence that recovery moved ahead", "select setval('numbers', 33)"],
    [
      "a rebuilt column of the same content",
      "alter table gone_column add column d int; alter table gone_column drop column d",
    ],
  ])("does not depend on %s", async (_what, change) => {
    expect(await check(await copyWith(change))).toMatchObject({ passed: true });
  });

  test.each([
    [
      "one changed row",
      "update orders set total = total + 0.01 where id = 1234",
      "public.orders: 2000 rows, but other content",
    ],
    ["one missing row", "delete from orders where id = 1234", "public.orders: 1999 rows, had 2000"],
    ["one row twice", "insert into parts values (1, 'x')", "public.parts_low: 3 rows, had 2"],
    [
      "values swapped between rows",
      "update orders set customer = case id when 1 then 'customer 2' else 'customer 1' end where id in (1, 2)",
      "public.orders: 2000 rows, but other content",
    ],
    [
      "values swapped between columns",
      "update gone_column set a = c, c = a",
      "public.gone_column: 1 rows, but other content",
    ],
    [
      "NULL instead of an empty text",
      `update "My Shop"."Ta.ble" set r = null where "Id" = 3`,
      '"My Shop"."Ta.ble": 3 rows, but other content',
    ],
    [
      "a microsecond",
      "update orders set at = at + interval '1 microsecond' where id = 7",
      "public.orders: 2000 rows, but other content",
    ],
    [
      "the last bit of a float",
      "update orders set ratio = 0.33333333333333326 where id = 3",
      "public.orders: 2000 rows, but other content",
    ],
    ["a missing table", "drop table empty", "public.empty is missing (had 0 rows)"],
    ["an additional table", "create table public.new (id int)", "public.new was not there"],
    [
      "a sequence that fell back",
      "select setval('numbers', 1, false)",
      "sequence public.numbers stands at its begin, was at 1",
    ],
    ["a sequence far ahead", "select setval('numbers', 1000)", "sequence public.numbers stands at 1000, was at 1"],
    ["a missing sequence", "drop sequence numbers", "sequence public.numbers is missing"],
  ])("turns red on %s", async (_what, change, difference) => {
    const found = await check(await copyWith(change));
    expect(found).toMatchObject({ passed: false, outputs: { differences: [difference] } });
    expect(found.actual).toContain(difference);
  });

  test("a swap of equal rows' order is no change, a swap of two values that leaves every column's set the same is", async () => {
    const copy = await copyWith(
      "update orders a set total = b.total from orders b where (a.id, b.id) in ((10, 11), (11, 10))",
    );
    expect(await check(copy)).toMatchObject({ passed: false });
  });

  test("an empty database is red", async () => {
    await lab.sql("create database nothing");
    expect(await check("nothing")).toMatchObject({ passed: false, coverage: { checked: 0, total: 5 } });
  });

  test("compares the named tables only, and refuses names that the baseline lacks", async () => {
    const copy = await copyWith("delete from orders");
    expect(await check(copy, ["public.empty"])).toMatchObject({ passed: true, coverage: { checked: 1, total: 1 } });
    expect(await check(copy, ["public.empty", "public.orders"])).toMatchObject({ passed: false });
    await expect(check(copy, ["public.order"])).rejects.toMatchObject({
      code: "FINGERPRINT_UNKNOWN",
      hint: 'did you mean "public.orders"?',
    });
    await expect(check(copy, ["public.scratch"])).rejects.toMatchObject({
      code: "FINGERPRINT_UNKNOWN",
      hint: "unlogged table: a restore empties it",
    });
  });

  test("a server that crashed moved its sequences ahead, and that alone is no difference", async () => {
    const copy = await copyWith("select nextval('numbers')");
    await using session = await lab.session(copy);
    const path = join(lab.dir, "before-crash.json");
    await writeBaseline(path, await takeFingerprint(session, { clock: systemClock() }));
    await lab.sql("checkpoint");
    await lab.sql("select nextval('numbers')", copy);
    await lab.stop("immediate");
    await lab.start();
    const [row] = await lab.sql("select last_value::int as at from numbers", copy);
    expect(Number(row?.["at"])).toBeGreaterThan(3);
    expect(await check(copy, undefined, path)).toMatchObject({ passed: true });
  });

  test("a table that cannot be read is named, and the backup is to blame", async () => {
    const copy = await copyWith("create table damaged as select generate_series(1, 10) as id");
    await lab.sql("checkpoint");
    const [row] = await lab.sql("select pg_relation_filepath('damaged') as path", copy);
    await lab.offline((dataDir) => overwrite(dataDir, String(row?.["path"]), 4000, Buffer.from("damage")));
    await expect(check(copy)).rejects.toMatchObject({
      code: "FINGERPRINT_TABLE",
      class: "subject",
      message: expect.stringContaining("public.damaged") as string,
    });
  });

  test.each([
    ["missing.json", null, "BASELINE_MISSING"],
    ["text.json", "not json", "BASELINE_UNREADABLE"],
    ["other.json", "{}", "BASELINE_UNREADABLE"],
    ["later.json", `{"schemaVersion": "firedrill/baseline/v2"}`, "BASELINE_VERSION"],
  ])("a baseline %s is an error with what to do", async (file, content, code) => {
    if (content !== null) await writeFile(join(lab.dir, file), content);
    await expect(check("original", undefined, file)).rejects.toMatchObject({
      code,
      hint: expect.stringContaining("firedrill fingerprint") as string,
    });
  });

  test("a baseline without a table is an error, and none can be taken of an empty database", async () => {
    const baseline = JSON.parse(await readFile(join(lab.dir, "baseline.json"), "utf8")) as object;
    await writeFile(join(lab.dir, "hollow.json"), JSON.stringify({ ...baseline, tables: {} }));
    await expect(check("original", undefined, "hollow.json")).rejects.toMatchObject({ code: "FINGERPRINT_NOTHING" });
    await using session = await lab.session("template1");
    await expect(takeFingerprint(session, { clock: systemClock() })).rejects.toMatchObject({
      code: "FINGERPRINT_NOTHING",
    });
  });
});
