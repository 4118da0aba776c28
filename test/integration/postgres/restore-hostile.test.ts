import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Recovered } from "../../../src/steps/ports/postgres.ts";
import { archived, type History, makeHistory, startLab, value } from "../../support/pg-history.ts";
import { majors, openSession, testFolder } from "../../support/pg-machine.ts";
import { containing } from "../../support/pg-matchers.ts";
import { makeSandbox, restore, rowCount } from "../../support/pg-restore.ts";

/** A superuser of the source may have left anything in the database: it decides nothing of what is measured and signed. */
describe.each(majors)("a backup of PostgreSQL %i that wants to be believed", (major) => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let history: History;

  beforeAll(async () => {
    folder = await testFolder();
    history = await makeHistory(folder.dir, major);
  });
  afterAll(async () => folder[Symbol.asyncDispose]());

  /** A copy as it was when the source's superuser had done this; the source itself is put right again for the next test. */
  async function restoredAfter<T>(evil: string, undo: string, use: (recovered: Recovered) => Promise<T>): Promise<T> {
    const point = `evil ${randomBytes(4).toString("hex")}`;
    {
      await using server = await startLab(folder.dir, "primary", history.binaries, history.archive);
      // Opened before: what is done to its role does not concern it.
      await using session = await openSession(server.database);
      await session.query(evil);
      await session.query(`select pg_catalog.pg_create_restore_point('${point}')`);
      await session.query(undo);
      await session.query("select pg_catalog.pg_switch_wal()");
      await archived(session);
    }
    await using sandbox = await makeSandbox(folder.dir);
    return await use(await restore(history, sandbox, { until: `name:${point}`, durability: "production" }));
  }

  it("cannot put its own functions and views in the place of the server's", async () => {
    await restoredAfter(
      `create function public.pg_last_wal_replay_lsn() returns pg_lsn language sql as $$ select 'F0/DEADBEEF'::pg_lsn $$;
       create function public.pg_last_xact_replay_timestamp() returns timestamptz language sql as $$ select timestamptz '2099-01-01 00:00:00+00' $$;
       create view public.pg_settings as select name, 'forged'::text as setting from pg_catalog.pg_settings;
       alter role postgres set search_path = public, pg_catalog`,
      `alter role postgres reset search_path; drop function public.pg_last_wal_replay_lsn(); drop view public.pg_settings;
       drop function public.pg_last_xact_replay_timestamp()`,
      async (recovered) => {
        expect(recovered.recoveryPoint).toMatchObject({ lsn: containing("0/") });
        expect(recovered.recoveryPoint.lsn).not.toBe("F0/DEADBEEF");
        expect(recovered.recoveryPoint.commitWallUs ?? 0).toBeLessThan(Date.now() * 1000);
        expect(recovered.profile.probes.every(({ ok }) => ok)).toBe(true);
        // The same for the sessions of checks, which still find the tables of the backup by their short names.
        await using session = await openSession(recovered.database);
        expect(await value(session, "select pg_last_wal_replay_lsn() = 'F0/DEADBEEF'")).not.toBe("true");
        expect(await value(session, "select count(*) from pg_settings where setting = 'forged'")).toBe("0");
        expect(await rowCount(recovered)).toBe(1700);
      },
    );
  });

  it("cannot have a position or a time written otherwise by casts of its own", async () => {
    await restoredAfter(
      `create function public.position_as(pg_lsn) returns text language sql as $$ select 'F0/DEADBEEF'::text $$;
       create cast (pg_lsn as text) with function public.position_as(pg_lsn);
       create function public.time_as(timestamptz) returns text language sql as $$ select '2099-01-01 00:00:00+00'::text $$;
       create cast (timestamptz as text) with function public.time_as(timestamptz)`,
      `drop cast (pg_lsn as text); drop function public.position_as(pg_lsn);
       drop cast (timestamptz as text); drop function public.time_as(timestamptz)`,
      async ({ recoveryPoint }) => {
        expect(recoveryPoint.lsn).toMatch(/^0\/[0-9A-F]+$/u);
        expect(recoveryPoint.commitWallUs ?? 0).toBeLessThan(Date.now() * 1000);
      },
    );
  });

  it("is refused when it replaced a function of the server that is asked", async () => {
    const outcome = restoredAfter(
      "create or replace function pg_catalog.pg_last_wal_replay_lsn() returns pg_lsn language sql as $$ select 'F0/DEADBEEF'::pg_lsn $$",
      "create or replace function pg_catalog.pg_last_wal_replay_lsn() returns pg_lsn language internal volatile strict as 'pg_last_wal_replay_lsn'",
      rowCount,
    );
    await expect(outcome).rejects.toMatchObject({
      code: "SANDBOX_PROFILE",
      message: containing("replaced by the backup: pg_last_wal_replay_lsn"),
    });
  });

  it("cannot change how our sessions work", async () => {
    await restoredAfter(
      `create role nobody_special; alter role postgres set role = nobody_special;
       alter role postgres set local_preload_libraries = 'no_such_library';
       alter database postgres set session_preload_libraries = 'no_such_library';
       alter role postgres set default_transaction_isolation = serializable;
       alter role postgres set default_transaction_read_only = on;
       alter role postgres set statement_timeout = 1;
       alter role postgres set datestyle = 'german, dmy';
       alter role postgres set zero_damaged_pages = on;
       alter role postgres set synchronous_commit = off;
       alter role postgres set bytea_output = 'escape';
       ${major >= 14 ? "alter role postgres set idle_session_timeout = '30s';" : ""}
       ${major >= 17 ? "alter role postgres set transaction_timeout = '30s';" : ""}`,
      "reset role; alter role postgres reset all; alter database postgres reset all; drop role nobody_special",
      async (recovered) => {
        expect(recovered.server.settings).toMatchObject({ synchronous_commit: "on", fsync: "on" });
        await using session = await openSession(recovered.database);
        const names = [
          "role",
          "local_preload_libraries",
          "session_preload_libraries",
          "zero_damaged_pages",
          "default_transaction_isolation",
          "DateStyle",
          "bytea_output",
          ...(major >= 14 ? ["idle_session_timeout"] : []),
          ...(major >= 17 ? ["transaction_timeout", "event_triggers"] : []),
        ];
        const rows = await session.query<{ name: string; setting: string }>(
          "select name, current_setting(name) as setting from unnest($1::text[]) as name",
          [names],
        );
        expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
          role: "none",
          local_preload_libraries: "",
          session_preload_libraries: "",
          zero_damaged_pages: "off",
          default_transaction_isolation: "read committed",
          DateStyle: "ISO, YMD",
          bytea_output: "hex",
          ...(major >= 14 ? { idle_session_timeout: "0" } : {}),
          ...(major >= 17 ? { transaction_timeout: "0", event_triggers: "off" } : {}),
        });
        expect(await value(session, "select current_user")).toBe("postgres");
      },
    );
  });

  // Older servers have no such triggers.
  it.each([major].filter((version) => version >= 17))(
    "has login triggers (%i) that neither stop the drill nor act in the copy",
    async () => {
      await restoredAfter(
        `create table logins (at timestamptz default now());
         create function on_login() returns event_trigger language plpgsql as $$ begin insert into public.logins default values; end $$;
         create event trigger logged_in on login execute function on_login();
         alter event trigger logged_in enable always;
         -- That wins over the server's command line.
         alter role postgres set event_triggers = on`,
        "drop event trigger logged_in; drop function on_login(); drop table logins; alter role postgres reset all",
        async (recovered) => {
          expect(recovered.profile.probes).toContainEqual({
            probe: "setting event_triggers",
            expected: "off",
            actual: "off",
            ok: true,
          });
          await using session = await openSession(recovered.database);
          expect(await value(session, "select count(*) from logins")).toBe("0");
        },
      );
    },
  );
});
