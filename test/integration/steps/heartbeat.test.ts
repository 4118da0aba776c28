import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HeartbeatOptions, runHeartbeat } from "../../../src/databases/postgres-content/heartbeat.ts";
import type { Log } from "../../../src/support/log.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";

let lab: ChecksLab;
beforeAll(async () => {
  lab = await startChecksLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

interface Heard {
  readonly log: Log;
  readonly events: string[];
  /** Resolves at the next log line of this name. */
  once(event: string): Promise<void>;
}

function listen(): Heard {
  const events: string[] = [];
  const waiting: { readonly event: string; readonly resolve: () => void }[] = [];
  const hear = (_fields: unknown, event: string): void => {
    events.push(event);
    for (const each of waiting) if (each.event === event) each.resolve();
  };
  return {
    log: { debug: hear, info: hear, warn: hear, error: hear },
    events,
    once: (event) => new Promise((resolve) => void waiting.push({ event, resolve })),
  };
}

function heartbeat(schema: string, options: Partial<HeartbeatOptions> = {}) {
  return runHeartbeat({
    connect: (signal) =>
      lab.sessions.open(lab.database(), { readOnly: false, statementTimeoutMs: 5000, connectTimeoutMs: 5000, signal }),
    schema,
    intervalMs: 20,
    count: 5,
    clock: systemClock(),
    signal: new AbortController().signal,
    log: listen().log,
    ...options,
  });
}

describe("heartbeat", () => {
  test("makes its own schema and table, writes the asked number of rows, and goes on in the same table", async () => {
    expect(await heartbeat("My Beats")).toEqual({ beats: 5, reconnections: 0 });
    await heartbeat("My Beats", { count: 2, intervalMs: 30 });
    const rows = await lab.sql(
      `select seq::int, interval_ms, beat_at between now() - interval '1 minute' and now() as recent from "My Beats".heartbeat order by seq`,
    );
    expect(rows).toHaveLength(7);
    expect(rows.at(-1)).toEqual({ seq: 7, interval_ms: 30, recent: true });
  });

  test("never beats faster than asked", async () => {
    await heartbeat("pace", { intervalMs: 40, count: 6 });
    const [row] = await lab.sql(
      "select min(gap)::float8 as ms from (select extract(epoch from beat_at - lag(beat_at) over (order by seq)) * 1000 as gap from pace.heartbeat) g",
    );
    // The insertion itself takes a moment that differs from beat to beat.
    expect(Number(row?.["ms"])).toBeGreaterThan(30);
  });

  test("prunes itself", async () => {
    await heartbeat("small", { intervalMs: 1, count: 250, keepRows: 20 });
    const [row] = await lab.sql("select count(*)::int as n, max(seq)::int as last from small.heartbeat");
    expect(row).toMatchObject({ last: 250 });
    expect(Number(row?.["n"])).toBeLessThanOrEqual(20 + 100);
  });

  test("comes back after the server's crash, and beats on", async () => {
    const heard = listen();
    const stop = new AbortController();
    const started = heard.once("heartbeat.started");
    const running = heartbeat("crash", { count: null, signal: stop.signal, log: heard.log });
    await started;
    const interrupted = heard.once("heartbeat.interrupted");
    const back = heard.once("heartbeat.reconnected");
    await lab.stop("immediate");
    await interrupted;
    await lab.start();
    await back;
    stop.abort();
    const summary = await running;
    expect(summary.reconnections).toBe(1);
  });

  test("an abort ends it without an error and lets go of its lock", async () => {
    const heard = listen();
    const stop = new AbortController();
    const started = heard.once("heartbeat.started");
    const running = heartbeat("ends", { count: null, intervalMs: 60_000, signal: stop.signal, log: heard.log });
    await started;
    stop.abort();
    expect(await running).toMatchObject({ reconnections: 0 });
  });

  test("leaves a table alone that is not its own", async () => {
    await lab.sql(
      "create schema theirs; create table theirs.heartbeat (seq bigint, beat_at timestamptz, interval_ms int)",
    );
    await expect(heartbeat("theirs")).rejects.toMatchObject({ code: "HEARTBEAT_FOREIGN" });
    await lab.sql("create schema view; create view view.heartbeat as select 1 as seq");
    await expect(heartbeat("view")).rejects.toMatchObject({ code: "HEARTBEAT_FOREIGN" });
    expect(await lab.sql("select count(*)::int as n from theirs.heartbeat")).toEqual([{ n: 0 }]);
  });

  test("beats with nothing but the rights that the documentation gives its role", async () => {
    const page = readFileSync(join(import.meta.dirname, "../../../docs/heartbeat.md"), "utf8");
    await lab.sql(/^```sql\n([^]*?)^```/mu.exec(page)?.[1] ?? "");
    const database = { ...lab.database(), sandbox: null, user: "firedrill_heartbeat" };
    const connect = (signal: AbortSignal) =>
      lab.sessions.open(database, { readOnly: false, statementTimeoutMs: 5000, connectTimeoutMs: 5000, signal });
    expect(await heartbeat("firedrill", { connect, intervalMs: 1, count: 120, keepRows: 10 })).toMatchObject({
      beats: 120,
    });
    const [row] = await lab.sql("select count(*)::int as n from firedrill.heartbeat");
    expect(Number(row?.["n"])).toBeLessThan(120);
  });

  test("a second writer on the same table is refused", async () => {
    const heard = listen();
    const stop = new AbortController();
    const started = heard.once("heartbeat.started");
    const running = heartbeat("shared", { count: null, signal: stop.signal, log: heard.log });
    await started;
    await expect(heartbeat("shared")).rejects.toMatchObject({ code: "HEARTBEAT_BUSY" });
    stop.abort();
    await running;
  });

  test("a first connection that fails is told at once", async () => {
    const connect = () =>
      lab.sessions.open(
        { ...lab.database(), database: "no_such" },
        { readOnly: false, statementTimeoutMs: 0, connectTimeoutMs: 1000, signal: new AbortController().signal },
      );
    await expect(heartbeat("never", { connect })).rejects.toMatchObject({ code: "PG_REFUSED" });
  });
});
