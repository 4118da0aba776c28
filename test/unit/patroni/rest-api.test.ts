import { describe, expect, test } from "vitest";
import { freePort } from "../../../src/databases/postgres/free-port.ts";
import { createPatroni } from "../../../src/patroni/create-patroni.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { containing } from "../../support/cli-matchers.ts";
import { type Answers, json, nodeAt, patroniServer } from "../../support/patroni-server.ts";

const patroni = createPatroni({ clock: systemClock() });
const limits = { timeoutMs: 5000, signal: new AbortController().signal };
const login = null;

/** As Patroni 3.0 and Patroni 4 write the same cluster. */
const THREE: Answers = (path) =>
  path === "/cluster"
    ? json({
        members: [
          {
            name: "a",
            role: "leader",
            state: "running",
            api_url: "http://a:8008/patroni",
            host: "a",
            port: 5432,
            timeline: 1,
          },
          {
            name: "b",
            role: "sync_standby",
            state: "running",
            api_url: "http://b:8008/patroni",
            host: "b",
            port: 5433,
            lag: 0,
          },
          { name: "c", role: "replica", state: "stopped", api_url: null, lag: "unknown", tags: { nofailover: "yes" } },
        ],
      })
    : json({ state: "running", role: "master", patroni: { version: "3.0.2", scope: "lab" } });
const FOUR: Answers = (path) =>
  path === "/cluster"
    ? json({
        members: [
          {
            name: "a",
            role: "leader",
            state: "running",
            api_url: "http://a:8008/patroni",
            host: "a",
            port: 5432,
            lsn: "0/4000060",
          },
          {
            name: "b",
            role: "quorum_standby",
            state: "streaming",
            host: "b",
            port: 5433,
            receive_lag: 0,
            lag: 16,
            tags: { failover_priority: 0 },
          },
        ],
        pause: true,
        scope: "lab",
      })
    : json({ state: "running", role: "primary", patroni: { version: "4.0.4", scope: "lab", name: "a" } });

describe("a look at a node", () => {
  test("Patroni 3", async () => {
    await using server = await patroniServer("a", THREE);
    const look = await patroni.look(server.node, limits);
    expect(look).toMatchObject({
      kind: "answered",
      role: "primary",
      state: "running",
      cluster: { kind: "known", paused: false },
    });
    expect(look.kind === "answered" && look.cluster.kind === "known" ? look.cluster.members : []).toEqual([
      {
        name: "a",
        role: "leader",
        state: "running",
        host: "a",
        port: 5432,
        apiUrl: "http://a:8008/patroni",
        lagBytes: null,
        nofailover: false,
      },
      {
        name: "b",
        role: "sync_standby",
        state: "running",
        host: "b",
        port: 5433,
        apiUrl: "http://b:8008/patroni",
        lagBytes: 0,
        nofailover: false,
      },
      {
        name: "c",
        role: "replica",
        state: "stopped",
        host: null,
        port: null,
        apiUrl: null,
        lagBytes: null,
        nofailover: true,
      },
    ]);
  });

  test("Patroni 4", async () => {
    await using server = await patroniServer("a", FOUR);
    expect(await patroni.look(server.node, limits)).toMatchObject({
      kind: "answered",
      role: "primary",
      cluster: { kind: "known", paused: true, members: [{ name: "a" }, { name: "b", lagBytes: 16, nofailover: true }] },
    });
  });

  test("one that cannot read its configuration store still says what it is itself", async () => {
    await using server = await patroniServer("a", (path, ...rest) =>
      path === "/cluster" ? { status: 503, text: "<html><p>no store</p></html>" } : THREE(path, ...rest),
    );
    const unknown = { kind: "unknown", reason: "/cluster answered 503: no store" };
    expect(await patroni.look(server.node, limits)).toMatchObject({
      kind: "answered",
      role: "primary",
      cluster: unknown,
    });
  });

  test("silent: nobody listens, nobody answers, somebody else answers", async () => {
    const closed = nodeAt("a", `http://127.0.0.1:${await freePort()}`);
    expect(await patroni.look(closed, limits)).toMatchObject({
      kind: "silent",
      reason: containing("ECONNREFUSED"),
    });

    await using server = await patroniServer("a", () => null);
    expect(await patroni.look(server.node, { ...limits, timeoutMs: 50 })).toMatchObject({
      kind: "silent",
      reason: "no answer within 50 ms",
    });

    server.say(() => json({ hello: "world" }));
    expect(await patroni.look(server.node, limits)).toMatchObject({
      kind: "silent",
      reason: containing("not Patroni's"),
    });

    server.say(() => ({ status: 200, text: "x".repeat(2 << 20) }));
    expect(await patroni.look(server.node, limits)).toMatchObject({
      kind: "silent",
      reason: containing("more than"),
    });
  });

  test("who is told to stop stops", async () => {
    await using server = await patroniServer("a", () => null);
    const stop = new AbortController();
    const looking = patroni.look(server.node, { ...limits, signal: stop.signal });
    stop.abort(new Error("halt"));
    await expect(looking).rejects.toThrow("halt");
  });
});

describe("a request", () => {
  test.each([
    [200, 'Successfully switched over to "b"', { kind: "done", text: 'Successfully switched over to "b"' }],
    [202, "Switchover scheduled", { kind: "done" }],
    [400, "Failover could be performed only to a specific candidate", { kind: "refused", status: 400 }],
    [401, "no auth header received", { kind: "denied", status: 401, text: "no auth header received" }],
    [403, "Access is denied", { kind: "denied", status: 403 }],
    [404, "", { kind: "refused", text: "nothing" }],
    [412, "leader name does not match", { kind: "refused", status: 412, text: "leader name does not match" }],
    [503, "Switchover failed", { kind: "failed", status: 503, text: "Switchover failed" }],
    [302, "", { kind: "failed", status: 302 }],
  ])("%i %s", async (status, text, expected) => {
    await using server = await patroniServer("a", () => ({ status, text }));
    const request = { kind: "switchover", leader: "a", candidate: "b" } as const;
    expect(await patroni.ask(server.node, request, { ...limits, login })).toMatchObject(expected);
    expect(server.asked).toEqual(['POST /switchover {"leader":"a","candidate":"b"}']);
  });

  test("carries the login, and leaves the candidate to Patroni when none is named", async () => {
    const headers: unknown[] = [];
    await using server = await patroniServer("a", (_path, _body, { headers: { authorization } }) => {
      headers.push(authorization);
      return { status: 200, text: "done" };
    });
    const asker = { ...limits, login: { user: "u", password: "p:w" } };
    await patroni.ask(server.node, { kind: "switchover", leader: "a", candidate: null }, asker);
    await patroni.ask(server.node, { kind: "failover", candidate: "b" }, asker);
    expect(server.asked).toEqual(['POST /switchover {"leader":"a"}', 'POST /failover {"candidate":"b"}']);
    expect(headers).toEqual(Array.from({ length: 2 }, () => `Basic ${Buffer.from("u:p:w").toString("base64")}`));
  });

  test("and its login go nowhere else", async () => {
    await using other = await patroniServer("b", () => ({ status: 200, text: "done" }));
    const location = `${other.node.patroni}/switchover`;
    await using server = await patroniServer("a", () => ({ status: 307, text: "", location }));
    const asker = { ...limits, login: { user: "u", password: "p" } };
    const request = { kind: "failover", candidate: "b" } as const;
    expect(await patroni.ask(server.node, request, asker)).toMatchObject({ kind: "failed", status: 307 });
    expect(other.asked).toEqual([]);
  });

  test("tells whether it may have been read", async () => {
    const closed = nodeAt("a", `http://127.0.0.1:${await freePort()}`);
    const request = { kind: "failover", candidate: "b" } as const;
    expect(await patroni.ask(closed, request, { ...limits, login })).toMatchObject({ kind: "no_answer", sent: false });
    await using server = await patroniServer("a", () => null);
    const answer = await patroni.ask(server.node, request, { ...limits, timeoutMs: 50, login });
    expect(answer).toEqual({ kind: "no_answer", sent: true, reason: "no answer within 50 ms" });
  });
});
