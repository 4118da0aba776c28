import { describe, expect, test } from "vitest";
import { createPatroni } from "../../../src/patroni/create-patroni.ts";
import { StepError } from "../../../src/drills/step-error.ts";
import { patroniSwitchoverStep } from "../../../src/steps/patroni/switchover.ts";
import type { PatroniNode } from "../../../src/steps/ports/patroni.ts";
import type { NodeView, Replication, WriteAnswer } from "../../../src/steps/ports/replication.ts";
import { instant } from "../../../src/support/clock.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { runStep, systemWith } from "../../support/checks-context.ts";
import { containing } from "../../support/cli-matchers.ts";
import { drillContext } from "../../support/drill-context.ts";
import { type Answers, json, patroniServer, type PatroniServer } from "../../support/patroni-server.ts";
import { fakeTraffic, trafficRef } from "../../support/traffic-fake.ts";

const clock = systemClock();

interface Scene {
  readonly leader: string | null;
  readonly pause?: boolean;
  readonly state?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, object>>;
}

const scene =
  (name: string, { leader, pause = false, state = {}, tags = {} }: Scene): Answers =>
  (path) => {
    if (path === "/patroni")
      return json({ state: state[name] ?? "running", role: name === leader ? "master" : "replica", patroni: {} });
    const members = ["a", "b"].map((one) => ({
      name: one,
      role: one === leader ? "leader" : "replica",
      state: "running",
      tags: tags[one] ?? {},
    }));
    return json({ members, pause });
  };

/** The servers' own words agree with their Patroni's; `write` is what the old leader answers to one. */
function servers(leader: () => string, write: () => Promise<WriteAnswer>): Replication {
  const refuse = (): never => {
    throw new Error("not used");
  };
  return {
    observe: async (_system, nodes) => nodes.map((node) => viewOf(node as PatroniNode, leader())),
    observeSettled: refuse,
    tryWrite: write,
    promote: refuse,
    repoint: refuse,
    follow: refuse,
    checkpoint: refuse,
  };
}

function viewOf(node: PatroniNode, leader: string): NodeView {
  const common = { node, at: instant(clock), major: 15, systemIdentifier: "1", port: 5432, timeline: 2 };
  if (node.name === leader)
    return { ...common, kind: "primary", lsn: "0/3000100", beganLsn: "0/3000060", readOnly: false, senders: [] };
  const positions = { receivedLsn: "0/3000060", replayedLsn: "0/3000060", replayPaused: false };
  return { ...common, kind: "standby", ...positions, timelineFrom: "receiver", receiver: null };
}

async function switchOver(first: Scene, write: () => Promise<WriteAnswer>, input: { readonly to?: string } = {}) {
  await using a = await patroniServer("a", scene("a", first));
  await using b = await patroniServer("b", scene("b", first));
  let leader = "a";
  for (const [name, server] of Object.entries({ a, b }))
    server.say(untilAsked(name, first, [a, b], () => (leader = "b")));
  const nodes = [a.node, b.node];
  const ctx = drillContext({ system: systemWith({ nodes }), traffic: trafficRef(), clock });
  const deps = {
    patroni: createPatroni({ clock }),
    replication: servers(() => leader, write),
    traffic: fakeTraffic(),
  };
  const { outputs } = await runStep(patroniSwitchoverStep(deps), { ...input, within: "5s" }, ctx);
  return { outputs, ctx };
}

function untilAsked(
  name: string,
  first: Scene,
  all: readonly [PatroniServer, PatroniServer],
  switched: () => void,
): Answers {
  return (path, body, request) => {
    if (path !== "/switchover") return scene(name, first)(path, body, request);
    switched();
    const [a, b] = all;
    a.say(scene("a", { leader: "b" }));
    b.say(scene("b", { leader: "b" }));
    return { status: 200, text: "done" };
  };
}

const gone = async (): Promise<WriteAnswer> => ({ kind: "no_answer", reason: "refused", lasting: true });

describe("a switchover begins from a healthy cluster only", () => {
  const cases: readonly (readonly [string, Scene, object, string])[] = [
    ["nobody is the leader", { leader: null }, {}, "PATRONI_NO_LEADER"],
    ["the leader's server starts", { leader: "a", state: { a: "starting" } }, {}, "PATRONI_NO_LEADER"],
    ["the only replica is down", { leader: "a", state: { b: "stopped" } }, {}, "PATRONI_NO_CANDIDATE"],
    [
      "the only replica may not",
      { leader: "a", tags: { b: { nofailover: true } } },
      { to: "b" },
      "PATRONI_NO_CANDIDATE",
    ],
    ["Patroni is paused", { leader: "a", pause: true }, {}, "PATRONI_PAUSED"],
  ];
  test.each(cases)("%s", async (_what, first, input, code) => {
    await expect(switchOver(first, gone, input)).rejects.toMatchObject({ class: "subject", code });
  });

  test("a paused one changes to a node that is named", async () => {
    const { outputs } = await switchOver({ leader: "a", pause: true }, gone, { to: "b" });
    expect(outputs).toMatchObject({ node: "b", timeline: 2, lsn: "0/3000060" });
  });
});

describe("the old leader, after the change", () => {
  const fencing = async (write: () => Promise<WriteAnswer>) => {
    const { ctx } = await switchOver({ leader: "a" }, write);
    return ctx.recorded.facts.filter(({ kind }) => kind === "fencing");
  };

  test("that refuses a write, or does not answer, is recorded with that proof", async () => {
    const refused = await fencing(async () => ({ kind: "refused", reason: "it is in recovery", lasting: true }));
    expect(refused).toMatchObject([
      { node: "a", how: "command", proofs: [containing("key"), containing("it is in recovery")] },
    ]);
    expect(await fencing(gone)).toMatchObject([{ node: "a", how: "unreachable", proofs: [containing("no answer")] }]);
  });

  test("that proves neither is not recorded as fenced", async () => {
    const unclear = async (): Promise<WriteAnswer> => {
      throw new StepError("permanent", "PG_REFUSED", "no such role");
    };
    expect(await fencing(unclear)).toEqual([]);
  });

  test("that takes a write is a second primary", async () => {
    await expect(fencing(async () => ({ kind: "acknowledged" }))).rejects.toMatchObject({
      class: "subject",
      code: "PATRONI_TWO_PRIMARIES",
    });
  });
});
