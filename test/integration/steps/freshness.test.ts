import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshnessStep } from "../../../src/steps/verify/freshness.ts";
import { runCheck, stepContext, systemWith, t0At } from "../../support/checks-context.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";

const NEWEST_US = Date.UTC(2026, 0, 2, 3, 4, 5) * 1000 + 123_456;
const MINUTE_US = 60_000_000;

let lab: ChecksLab;
beforeAll(async () => {
  lab = await startChecksLab();
  await lab.sql(`create schema firedrill; create table firedrill.heartbeat (seq bigint primary key, beat_at timestamptz, interval_ms int);
    insert into firedrill.heartbeat values (1, '2026-01-02 03:04:04+00', 1000), (2, '2026-01-02 03:04:05.123456+00', 2000);
    create schema quiet; create table quiet.heartbeat (like firedrill.heartbeat);
    create table orders (created_at timestamptz, local_at timestamp);
    insert into orders values ('2026-01-02 03:00:00+00', '2026-01-02 03:00:00')`);
});
afterAll(() => lab[Symbol.asyncDispose]());

const step = () => freshnessStep({ sessions: lab.sessions });
const heartbeat = (schema: string) => systemWith({ heartbeat: { schema, intervalMs: 1000 } });

describe("verify/freshness", () => {
  test("passes on a recent heartbeat, measures against T0 and records the survivor with the writer's own interval", async () => {
    const ctx = stepContext({ system: heartbeat("firedrill"), marks: [t0At(NEWEST_US + MINUTE_US)] });
    const check = await runCheck(step(), { on: lab.database(), maxAge: "5m" }, ctx);
    expect(check).toMatchObject({
      passed: true,
      outputs: { newest: "2026-01-02 03:04:05.123456 UTC", ageUs: MINUTE_US },
    });
    expect(check.actual).toMatch(/, 1 m.* old at T0$/u);
    expect(ctx.recorded.facts).toEqual([
      {
        kind: "newest_survivor",
        via: "heartbeat",
        what: "firedrill.heartbeat",
        newestWallUs: NEWEST_US,
        intervalUs: 2_000_000,
      },
    ]);
  });

  test("fails on a stale heartbeat, to the microsecond", async () => {
    const at = (us: number) => stepContext({ system: heartbeat("firedrill"), marks: [t0At(NEWEST_US + us)] });
    expect(await runCheck(step(), { on: lab.database(), maxAge: "5m" }, at(5 * MINUTE_US))).toMatchObject({
      passed: true,
    });
    expect(await runCheck(step(), { on: lab.database(), maxAge: "5m" }, at(5 * MINUTE_US + 1))).toMatchObject({
      passed: false,
    });
  });

  test("fails without a heartbeat row, and without the table", async () => {
    const ctx = stepContext({ system: heartbeat("quiet"), marks: [t0At(NEWEST_US)] });
    expect(await runCheck(step(), { on: lab.database(), maxAge: "5m" }, ctx)).toMatchObject({
      passed: false,
      actual: "no heartbeat row in quiet.heartbeat",
      outputs: { newest: null, ageUs: null },
    });
    expect(ctx.recorded.facts).toEqual([]);
    const none = await runCheck(
      step(),
      { on: lab.database(), maxAge: "5m" },
      stepContext({ system: heartbeat("nowhere") }),
    );
    expect(none).toMatchObject({ passed: false, actual: "no heartbeat row: there is no table nowhere.heartbeat" });
  });

  test("without T0 the age is against now, and says so", async () => {
    const check = await runCheck(
      step(),
      { on: lab.database(), maxAge: "5m" },
      stepContext({ system: heartbeat("firedrill") }),
    );
    expect(check.passed).toBe(Date.now() * 1000 - NEWEST_US <= 5 * MINUTE_US);
    expect(check.expected).toContain("no T0 is set");
  });

  test("a time far in the future proves nothing and fails", async () => {
    const query = "select now() + interval '2 days'";
    expect(await runCheck(step(), { on: lab.database(), maxAge: "5m", query })).toMatchObject({ passed: false });
    const later = await runCheck(
      step(),
      { on: lab.database(), maxAge: "5m", query: "select now()" },
      stepContext({ marks: [t0At(Date.now() * 1000 - MINUTE_US)] }),
    );
    expect(later.passed).toBe(true);
    expect(later.actual).toContain("later than T0");
  });

  test("reads a declared query: its own, else the system's", async () => {
    const system = systemWith({ newest: "select max(created_at) from orders" });
    const ctx = stepContext({ system, marks: [t0At(NEWEST_US)] });
    const check = await runCheck(step(), { on: lab.database(), maxAge: "5m" }, ctx);
    expect(check).toMatchObject({ passed: true, outputs: { ageUs: 245_123_456 } });
    expect(ctx.recorded.facts).toMatchObject([{ via: "query", intervalUs: null }]);
    expect(await runCheck(step(), { on: lab.database(), maxAge: "4m" }, ctx)).toMatchObject({ passed: false });
  });

  test.each([
    ["select max(local_at) from orders", "FRESHNESS_TYPE"],
    ["select current_date", "FRESHNESS_TYPE"],
    ["select created_at from orders where false", "SQL_NO_ROW"],
    ["delete from orders returning created_at", "SQL_SYNTAX"],
  ])("%s is the error %s", async (query, code) => {
    await expect(runCheck(step(), { on: lab.database(), maxAge: "5m", query })).rejects.toMatchObject({ code });
  });

  test.each(["select max(created_at) from orders where false", "select 'infinity'::timestamptz"])(
    "%s has no newest row: fails",
    async (query) => {
      expect(await runCheck(step(), { on: lab.database(), maxAge: "5m", query })).toMatchObject({ passed: false });
    },
  );

  test("no source at all is an error, never a pass", async () => {
    await expect(runCheck(step(), { on: lab.database(), maxAge: "5m" })).rejects.toMatchObject({
      code: "FRESHNESS_SOURCE",
    });
  });
});
