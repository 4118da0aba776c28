import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { takeFingerprint } from "../../../src/databases/postgres-content/baseline.ts";
import { contentReader } from "../../../src/databases/postgres-content/content-reader.ts";
import { createPageVerifier } from "../../../src/databases/postgres-content/verify-pages.ts";
import type { Baseline } from "../../../src/steps/ports/checks.ts";
import { holdStep } from "../../../src/steps/drill/hold.ts";
import { amcheckStep } from "../../../src/steps/postgres/amcheck.ts";
import { checksumsStep } from "../../../src/steps/postgres/checksums.ts";
import { fingerprintStep } from "../../../src/steps/postgres/fingerprint.ts";
import { rowsStep } from "../../../src/steps/verify/rows.ts";
import { schemaStep } from "../../../src/steps/verify/schema.ts";
import { sqlStep } from "../../../src/steps/verify/sql.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { runCheck, stepContext } from "../../support/checks-context.ts";
import { type ChecksLab, labUser, startChecksLab } from "../../support/checks-lab.ts";
import { fakeTraffic } from "../../support/traffic-fake.ts";

/** A copy that stays in recovery, as `finish: pause` leaves it: everything but writing must work. */
let lab: ChecksLab;
let baseline: Baseline;
const clock = systemClock();
beforeAll(async () => {
  lab = await startChecksLab();
  await lab.sql(
    "create table orders (id int primary key); insert into orders select generate_series(1, 5); create unlogged table fast (id int primary key)",
  );
  await lab.sql("create database prepared");
  await lab.sql("create table orders (id int primary key); create extension amcheck", "prepared");
  {
    await using session = await lab.session();
    baseline = await takeFingerprint(session, { clock });
  }
  await lab.offline((dataDir) =>
    writeFile(join(dataDir, "standby.signal"), "", { mode: labUser === null ? 0o600 : 0o644 }),
  );
});
afterAll(() => lab[Symbol.asyncDispose]());

const baselines = { read: async () => baseline };

describe("a copy that is still in recovery", () => {
  test("answers queries and counts", async () => {
    const { sessions } = lab;
    const on = lab.database();
    expect(
      await runCheck(sqlStep({ sessions }), { on, query: "select pg_is_in_recovery()", expect: true }),
    ).toMatchObject({ passed: true });
    expect(await runCheck(rowsStep({ sessions }), { on, table: "orders" })).toMatchObject({ passed: true });
  });

  test("is compared with its baseline", async () => {
    const deps = { sessions: lab.sessions, content: contentReader, baselines };
    const input = { on: lab.database(), baseline: "any" };
    expect(await runCheck(schemaStep(deps), input)).toMatchObject({ passed: true });
    expect(await runCheck(fingerprintStep(deps), input)).toMatchObject({ passed: true });
  });

  test("has its pages verified", async () => {
    const sandbox = {
      kind: "process",
      id: "s",
      dir: lab.dir,
      port: 1,
      fence: "settings",
      uid: 1,
      gid: 1,
      expiresWallUs: 1,
    } as const;
    const check = await runCheck(checksumsStep({ sessions: lab.sessions, pages: createPageVerifier({ clock }) }), {
      on: lab.database(),
      sandbox,
    });
    expect(check).toMatchObject({ passed: true });
  });

  test("has its structure checked where the original brought the extension along, and is an error otherwise", async () => {
    const step = amcheckStep({ sessions: lab.sessions });
    expect(await runCheck(step, { on: lab.database("prepared") })).toMatchObject({ passed: true });
    await expect(runCheck(step, { on: lab.database() })).rejects.toMatchObject({ code: "AMCHECK_NOT_INSTALLED" });
  });

  test("holds as a read-only service, and is red as one that should take writes", async () => {
    const step = holdStep({ sessions: lab.sessions, traffic: fakeTraffic() });
    const service = (writable: boolean) =>
      stepContext({ services: [{ kind: "service", database: lab.database(), writable }] });
    expect(await runCheck(step, { for: "0s" }, service(false))).toMatchObject({ passed: true });
    expect(await runCheck(step, { for: "0s" }, service(true))).toMatchObject({ passed: false });
  });
});
