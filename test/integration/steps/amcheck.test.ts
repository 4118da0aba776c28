import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Session, Sessions } from "../../../src/steps/ports/postgres.ts";
import { amcheckStep } from "../../../src/steps/postgres/amcheck.ts";
import { runCheck } from "../../support/checks-context.ts";
import { overwrite, relationFile, rewritePage } from "../../support/checks-damage.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";

let lab: ChecksLab;
beforeAll(async () => {
  lab = await startChecksLab();
  await lab.sql(`create table good (id int primary key, note text); insert into good select g, repeat('x', g % 50) from generate_series(1, 2000) g;
    create index good_hash on good using hash (note);
    create table parts (id int primary key) partition by range (id); create table parts_low partition of parts for values from (0) to (1000);
    insert into parts select generate_series(1, 100);
    create view only_a_view as select 1 as one;
    create table bad_index (id int primary key); insert into bad_index select generate_series(1, 1000);
    create table bad_heap (id int, note text); insert into bad_heap select g, 'note' from generate_series(1, 500) g;
    create table bad_page (id int); insert into bad_page select generate_series(1, 500);
    create table lost_row (id int); create index lost_row_id on lost_row (id); insert into lost_row select generate_series(1, 50)`);
});
afterAll(() => lab[Symbol.asyncDispose]());

const step = () => amcheckStep({ sessions: lab.sessions });

describe("postgres/amcheck", () => {
  test("passes on a sound database, counts what it cannot check, and takes its extension out again", async () => {
    const check = await runCheck(step(), { on: lab.database() });
    expect(check).toMatchObject({ passed: true, outputs: { corrupted: [] } });
    expect(check.actual).toContain("not checked: 1 hash index");
    expect((check.coverage?.total ?? 0) - (check.coverage?.checked ?? 0)).toBe(1);
    expect(
      await lab.sql(
        "select 1 from pg_extension where extname = 'amcheck' union all select 1 from pg_namespace where nspname like 'firedrill%'",
      ),
    ).toEqual([]);
  });

  test("checks the named tables only, through partitions", async () => {
    const check = await runCheck(step(), { on: lab.database(), tables: ["parts"], heapallindexed: true });
    expect(check).toMatchObject({ passed: true, outputs: { tables: 1, indexes: 1 } });
  });

  test("a named table that is missing fails; a view, which has no pages, is an error", async () => {
    expect(await runCheck(step(), { on: lab.database(), tables: ["public.god"] })).toMatchObject({ passed: false });
    await expect(runCheck(step(), { on: lab.database(), tables: ["only_a_view"] })).rejects.toMatchObject({
      code: "AMCHECK_NOTHING",
    });
  });

  test("a database without tables is an error, not a pass", async () => {
    await lab.sql("create database empty");
    await expect(runCheck(step(), { on: lab.database("empty") })).rejects.toMatchObject({ code: "AMCHECK_NOTHING" });
  });

  test("does not install anything in a system of the inventory", async () => {
    const on = { ...lab.database(), sandbox: null };
    await expect(runCheck(step(), { on })).rejects.toMatchObject({ code: "AMCHECK_NOT_INSTALLED" });
    await lab.sql("create extension amcheck");
    expect(await runCheck(step(), { on, tables: ["good"] })).toMatchObject({ passed: true });
    expect(await lab.sql("select 1 as one from pg_extension where extname = 'amcheck'")).toEqual([{ one: 1 }]);
    await lab.sql("drop extension amcheck");
  });

  test("a server without the extension is an error, not a pass", async () => {
    const sessions: Sessions = {
      async open(database, options) {
        const session = await lab.sessions.open(database, options);
        // As a server answers that was installed without its contrib modules.
        const query: Session["query"] = async (text, values) =>
          text.includes("pg_available_extensions") ? [] : session.query(text, values);
        return { query, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
      },
    };
    await expect(runCheck(amcheckStep({ sessions }), { on: lab.database() })).rejects.toMatchObject({
      code: "AMCHECK_MISSING",
      hint: expect.stringContaining("contrib") as string,
    });
  });

  test("names an index whose order is broken", async () => {
    const file = await relationFile(lab, "bad_index_pkey");
    await lab.offline((dataDir) =>
      rewritePage(dataDir, file, 1, (page) => {
        // Two line pointers of a leaf page (4 bytes each, from byte 24) change places.
        const first = page.readUInt32LE(24 + 4 * 40);
        page.writeUInt32LE(page.readUInt32LE(24 + 4 * 41), 24 + 4 * 40);
        page.writeUInt32LE(first, 24 + 4 * 41);
      }),
    );
    const check = await runCheck(step(), { on: lab.database(), tables: ["bad_index"] });
    expect(check).toMatchObject({ passed: false, outputs: { corrupted: [{ relation: "public.bad_index_pkey" }] } });
    expect(check.actual).toContain("item order invariant violated");
  });

  test("names a table with a broken tuple", async () => {
    const file = await relationFile(lab, "bad_heap");
    await lab.offline((dataDir) =>
      rewritePage(dataDir, file, 0, (page) => {
        // The second line pointer's offset (lowest 15 bits) is no longer aligned.
        page.writeUInt32LE(page.readUInt32LE(28) + 1, 28);
      }),
    );
    const check = await runCheck(step(), { on: lab.database(), tables: ["bad_heap", "good"] });
    expect(check).toMatchObject({ passed: false, outputs: { corrupted: [{ relation: "public.bad_heap" }] } });
    expect(check.actual).toContain("block 0, tuple 2");
  });

  test("heapallindexed finds a row that its index lost", async () => {
    const file = await relationFile(lab, "lost_row_id");
    await lab.offline((dataDir) =>
      rewritePage(dataDir, file, 1, (page) => {
        // The last line pointer of the only leaf page is cut off: pd_lower (byte 12) moves down by one pointer.
        page.writeUInt16LE(page.readUInt16LE(12) - 4, 12);
      }),
    );
    expect(await runCheck(step(), { on: lab.database(), tables: ["lost_row"] })).toMatchObject({ passed: true });
    expect(await runCheck(step(), { on: lab.database(), tables: ["lost_row"], heapallindexed: true })).toMatchObject({
      passed: false,
    });
  });

  test("a page that the server itself refuses is a finding, and the rest is still checked", async () => {
    const file = await relationFile(lab, "bad_page");
    await lab.offline((dataDir) => overwrite(dataDir, file, 4000, Buffer.from("damage")));
    const check = await runCheck(step(), { on: lab.database() });
    expect(check.passed).toBe(false);
    expect(check.outputs.corrupted.map(({ relation }) => relation).toSorted()).toEqual([
      "public.bad_heap",
      "public.bad_index_pkey",
      "public.bad_page",
    ]);
    expect(check.actual).toContain("invalid page in block 0");
  });
});
