import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sqlStep } from "../../../src/steps/verify/sql.ts";
import { runCheck } from "../../support/checks-context.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";

let lab: ChecksLab;
beforeAll(async () => {
  lab = await startChecksLab();
  await lab.sql(
    "create table orders (id bigint primary key, total numeric); insert into orders values (1, 1.50), (9007199254740993, 'NaN')",
  );
});
afterAll(() => lab[Symbol.asyncDispose]());

const ask = (query: string, expectation: string | number | boolean, timeout?: string) =>
  runCheck(sqlStep({ sessions: lab.sessions }), {
    on: lab.database(),
    query,
    expect: expectation,
    ...(timeout === undefined ? {} : { timeout }),
  });

describe("verify/sql", () => {
  test("passes when the value meets the expectation, and says what it saw", async () => {
    const check = await ask("select count(*) from orders", "> 0");
    expect(check).toMatchObject({
      passed: true,
      expected: "> 0",
      actual: "2",
      title: "select count(*) from orders",
      outputs: { value: "2", rows: 1 },
    });
  });

  test("fails when rows are missing", async () => {
    expect(await ask("select count(*) from orders where id = 7", "> 0")).toMatchObject({ passed: false, actual: "0" });
  });

  test.each([
    ["select max(id) from orders", "== 9007199254740993", true],
    ["select max(id) from orders", "== 9007199254740992", false],
    ["select 0.1::numeric + 0.2", "== 0.3", true],
    ["select 0.1::float8 + 0.2", "== 0.3", false],
    ["select 'NaN'::float8", "> 0", false],
    ["select total from orders where id > 1", "!= 0", false],
    ["select null::int", "> 0", false],
    ["select null::int", "!= 0", false],
    ["select null::int", "== null", true],
    ["select true", true, true],
    ["select false", true, false],
    ["select 'open'::text", "in ['open', 'paid']", true],
    ["select 'lost'::text", "in ['open', 'paid']", false],
    ["select '2026-01-02 03:04:05.123456+00'::timestamptz", "== '2026-01-02 03:04:05.123456+00'", true],
    ["values (1)", 1, true],
    ["select count(*) from orders -- all", "> 0", true],
    ["select count(*) from orders ;\n", "> 0", true],
  ])("%s %s", async (query, expectation, outcome) => {
    expect((await ask(query, expectation)).passed).toBe(outcome);
  });

  test.each([
    ["select 1 where false", "SQL_NO_ROW"],
    ["select generate_series(1, 2)", "SQL_MANY_ROWS"],
    ["select 1, 2", "SQL_MANY_COLUMNS"],
    ["select count(*) from orders; -- all\n", "SQL_SYNTAX"],
    ["select 1; delete from orders", "SQL_SYNTAX"],
    ["select 1) a; delete from orders; select * from (select 1", "SQL_SYNTAX"],
    ["delete from orders returning id", "SQL_SYNTAX"],
    ["with gone as (delete from orders returning id) select count(*) from gone", "SQL_REFUSED"],
    ["select nextval('numbers')", "SQL_REFUSED"],
    ["select set_config('transaction_read_only', 'off', true)", "PG_QUERY"],
    ["selec 1", "SQL_SYNTAX"],
    ["select * from no_such_table", "PG_QUERY"],
  ])("%s is the error %s and changes nothing", async (query, code) => {
    await lab.sql("create sequence if not exists numbers");
    await expect(ask(query, "> 0")).rejects.toMatchObject({ code, name: "StepError" });
    expect(await lab.sql("select count(*)::int as n from orders")).toEqual([{ n: 2 }]);
  });

  test("stops a query at its statement timeout", async () => {
    await expect(ask("select pg_sleep(60)::text", "== ''", "200ms")).rejects.toMatchObject({ code: "SQL_TIMEOUT" });
  });

  test("clips a long answer and makes control characters visible", async () => {
    const check = await ask("select e'\\x1b[31m' || repeat('x', 100000)", "!= ''");
    expect(check.actual).toContain("\\u{1b}[31m");
    expect(check.actual.length).toBeLessThan(250);
  });
});
