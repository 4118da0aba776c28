import { createServer } from "node:net";
import { join } from "node:path";
import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { initCluster } from "../../../src/databases/postgres/lab/init-cluster.ts";
import type { LabServer } from "../../../src/databases/postgres/lab/start-server.ts";
import { startLab } from "../../support/pg-history.ts";
import { majors, openSession, serviceUser, sessions, testBinaries, testFolder } from "../../support/pg-machine.ts";
import { containing } from "../../support/pg-matchers.ts";

const signal = new AbortController().signal;

describe("a session", () => {
  let folder: Awaited<ReturnType<typeof testFolder>>;
  let server: LabServer;

  beforeAll(async () => {
    folder = await testFolder();
    const binaries = await testBinaries().forMajor(majors[0] ?? 18, signal);
    await initCluster({
      binaries,
      dataDir: join(folder.dir, "primary"),
      user: serviceUser,
      superuser: "postgres",
      password: "s3cret",
      signal,
    });
    server = await startLab(folder.dir, "primary", binaries, null);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it("gives exact numbers and times as text", async () => {
    await using session = await openSession(server.database);
    const [row] = await session.query(
      "select 9007199254740993::bigint as big, 1.10::numeric as num, '2026-11-21 03:00:00.123456+00'::timestamptz as at, array['2026-11-21']::date[] as days, 7 as small, true as yes",
    );
    expect(row).toEqual({
      big: "9007199254740993",
      num: "1.10",
      at: "2026-11-21 03:00:00.123456+00",
      days: ["2026-11-21"],
      small: 7,
      yes: true,
    });
  });

  it("is read-only when asked, and names itself", async () => {
    await using session = await sessions.open(server.database, {
      readOnly: true,
      statementTimeoutMs: 1000,
      connectTimeoutMs: 1000,
      signal,
    });
    await expect(session.query("create table x (i int)")).rejects.toMatchObject({
      code: "PG_QUERY",
      details: { sqlstate: "25006" },
    });
    expect(await session.query("select current_setting('application_name') as name")).toEqual([{ name: "firedrill" }]);
  });

  it("ends a statement at its timeout", async () => {
    await using session = await sessions.open(server.database, {
      readOnly: true,
      statementTimeoutMs: 50,
      connectTimeoutMs: 1000,
      signal,
    });
    await expect(session.query("select pg_sleep(10)")).rejects.toMatchObject({
      code: "PG_QUERY",
      details: { sqlstate: "57014" },
      hint: containing("timeout"),
    });
  });

  it("does not let a setting of the database or the role override it", async () => {
    await using owner = await openSession(server.database);
    await owner.query("alter database postgres set default_transaction_read_only = off");
    await owner.query("alter role postgres set statement_timeout = 0");
    await using session = await sessions.open(server.database, {
      readOnly: true,
      statementTimeoutMs: 777,
      connectTimeoutMs: 1000,
      signal,
    });
    expect(
      await session.query(
        "select current_setting('statement_timeout') as t, current_setting('default_transaction_read_only') as r",
      ),
    ).toEqual([{ t: "777ms", r: "on" }]);
  });

  it("is cut when its signal is aborted", async () => {
    const abort = new AbortController();
    await using session = await openSession(server.database, abort.signal);
    const running = session.query("select pg_sleep(30)");
    abort.abort(new Error("halted"));
    await expect(running).rejects.toThrow("halted");
    await expect(openSession(server.database, abort.signal)).rejects.toThrow("halted");
  });

  it("never repeats row values in an error", async () => {
    await using session = await openSession(server.database);
    await session.query("create temp table u (i int primary key)");
    await session.query("insert into u values (4711)");
    for (const text of ["insert into u values (4711)", "select 'secret-value'::int"]) {
      const error: unknown = await session.query(text).catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code: "PG_QUERY" });
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/4711|secret-value/u);
      expect(String((error as Error).cause)).not.toMatch(/4711|secret-value/u);
    }
  });

  it("takes its password by reference, and says who was refused", async () => {
    const file = join(folder.dir, "password");
    await writeFile(file, "s3cret");
    const tcp = { ...server.database, host: "127.0.0.1", password: `file:${file}` };
    await using session = await openSession(tcp);
    expect(await session.query("select 1 as one")).toEqual([{ one: 1 }]);
    await writeFile(file, "wrong");
    await expect(openSession(tcp)).rejects.toMatchObject({
      code: "PG_REFUSED",
      class: "permanent",
      details: { sqlstate: "28P01" },
    });
    await expect(openSession({ ...server.database, database: "missing" })).rejects.toMatchObject({
      code: "PG_REFUSED",
      details: { sqlstate: "3D000" },
    });
  });

  it("gives up on a host that is not there or does not answer", async () => {
    await expect(openSession({ ...server.database, port: 1 })).rejects.toMatchObject({
      code: "PG_CONNECT",
      class: "transient",
    });
    await expect(openSession({ ...server.database, host: join(folder.dir, "nowhere") })).rejects.toMatchObject({
      code: "PG_CONNECT",
    });
    const mute = createServer(() => undefined).listen(0, "127.0.0.1");
    await new Promise((resolve) => mute.once("listening", resolve));
    const address = mute.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const options = { readOnly: true, statementTimeoutMs: 100, connectTimeoutMs: 100, signal };
    await expect(sessions.open({ ...server.database, host: "127.0.0.1", port }, options)).rejects.toMatchObject({
      code: "PG_CONNECT",
      class: "transient",
    });
    mute.close();
  });
});
