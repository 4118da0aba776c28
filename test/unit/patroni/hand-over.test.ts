import { describe, expect, test } from "vitest";
import { createPatroni } from "../../../src/patroni/create-patroni.ts";
import { type HandOver, handOver } from "../../../src/steps/patroni/hand-over.ts";
import { authField } from "../../../src/steps/patroni/input.ts";
import { instant } from "../../../src/support/clock.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { stepContext, systemWith } from "../../support/checks-context.ts";
import { containing } from "../../support/cli-matchers.ts";
import { type Answers, json, patroniServer, type PatroniServer, type Said } from "../../support/patroni-server.ts";

const clock = systemClock();
const patroni = createPatroni({ clock });

/** What `name` says while `leader` holds the key; `posted` is its answer to a request. */
const under =
  (name: string, leader: string, posted: Said | null = null): Answers =>
  (path) => {
    if (path === "/patroni")
      return json({ state: "running", role: name === leader ? "primary" : "replica", patroni: {} });
    if (path !== "/cluster") return posted;
    return json({
      members: ["a", "b"].map((one) => ({ name: one, role: one === leader ? "leader" : "replica", state: "running" })),
    });
  };

function move(servers: readonly PatroniServer[], part: Partial<HandOver> = {}): HandOver {
  const nodes = servers.map(({ node }) => node);
  const request = { kind: "switchover", leader: "a", candidate: null } as const;
  const limits = { withinMs: 10_000, settleMs: 10_000 };
  return {
    system: systemWith({ nodes }),
    nodes,
    before: "a",
    since: instant(clock),
    login: null,
    request,
    ...limits,
    ...part,
  };
}

describe("a change of the leader", () => {
  test("is seen while Patroni still keeps its answer back", async () => {
    await using a = await patroniServer("a", under("a", "a"));
    await using b = await patroniServer("b", under("b", "a"));
    a.say((path, ...rest) => {
      if (path !== "/switchover") return under("a", "a")(path, ...rest);
      a.say(under("a", "b"));
      b.say(under("b", "b"));
      return null;
    });
    const taken = await handOver(patroni, move([a, b]), stepContext());
    expect(taken.node.name).toBe("b");
    expect(taken.resolutionUs).toBeGreaterThan(0);
  });

  test("may come after Patroni said that it failed", async () => {
    await using a = await patroniServer("a", under("a", "a", { status: 503, text: "Switchover failed" }));
    await using b = await patroniServer("b", under("b", "a"));
    a.say((path, body, request) => {
      const said = under("a", "a", { status: 503, text: "Switchover failed" })(path, body, request);
      if (path === "/switchover") {
        a.say(under("a", "b"));
        b.say(under("b", "b"));
      }
      return said;
    });
    expect((await handOver(patroni, move([a, b]), stepContext())).node.name).toBe("b");
  });

  test("that does not come is told in Patroni's words", async () => {
    await using a = await patroniServer("a", under("a", "a", { status: 503, text: "Switchover failed" }));
    await using b = await patroniServer("b", under("b", "a"));
    await expect(handOver(patroni, move([a, b], { settleMs: 50 }), stepContext())).rejects.toMatchObject({
      class: "subject",
      code: "PATRONI_FAILED",
      message: containing("Switchover failed"),
    });
    a.say(under("a", "a", { status: 412, text: "no good candidates have been found" }));
    await expect(handOver(patroni, move([a, b]), stepContext())).rejects.toMatchObject({
      class: "subject",
      code: "PATRONI_REFUSED",
      message: containing("no good candidates have been found"),
    });
    a.say(under("a", "a", { status: 200, text: "done" }));
    await expect(handOver(patroni, move([a, b], { withinMs: 300 }), stepContext())).rejects.toMatchObject({
      class: "subject",
      code: "PATRONI_NO_NEW_LEADER",
      message: containing("a is a primary (running) and sees the leader a"),
    });
  });

  test("is asked of the next node when one does not take the request", async () => {
    await using b = await patroniServer("b", under("b", "a"));
    b.say((path, ...rest) => {
      if (path === "/switchover") b.say(under("b", "b"));
      return under("b", "a", { status: 200, text: "done" })(path, ...rest);
    });
    const a = await patroniServer("a", under("a", "a"));
    await a[Symbol.asyncDispose]();
    expect((await handOver(patroni, move([a, b]), stepContext())).node.name).toBe("b");
    expect(b.asked).toContain('POST /switchover {"leader":"a"}');
  });

  test("is not waited for when nobody takes the request", async () => {
    const a = await patroniServer("a", under("a", "a"));
    await a[Symbol.asyncDispose]();
    await expect(handOver(patroni, move([a]), stepContext())).rejects.toMatchObject({ code: "PATRONI_UNREACHABLE" });
  });

  test("is given up on a halt, with a node that hangs", async () => {
    await using a = await patroniServer("a", () => null);
    const halt = new AbortController();
    const waiting = handOver(patroni, move([a]), stepContext({ signal: halt.signal }));
    halt.abort(new Error("halt"));
    await expect(waiting).rejects.toThrow("halt");
  });
});

test("a password in the clear is no login", () => {
  expect(authField.safeParse({ user: "u", password: "hunter2" }).success).toBe(false);
  expect(authField.safeParse({ user: "u", password: "env:PATRONI_PASSWORD" }).success).toBe(true);
});
