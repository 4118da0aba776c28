import { describe, expect, test } from "vitest";
import type { PatroniAnswer, PatroniLook, PatroniMember } from "../../../src/steps/ports/patroni.ts";
import { clusterState, successor, unfitness } from "../../../src/steps/patroni/cluster-state.ts";
import { nodeOf, patroniNodes } from "../../../src/steps/patroni/members.ts";
import { systemWith } from "../../support/checks-context.ts";
import { nodeAt } from "../../support/patroni-server.ts";

const nodes = [nodeAt("a", "http://a:8008"), nodeAt("b", "http://b:8008"), nodeAt("c", "http://c:8008")] as const;
const [a, b, c] = nodes;
const system = systemWith({ nodes });
const at = { wallUs: 1, monoUs: 1 };

function member(name: string, part: Partial<PatroniMember> = {}): PatroniMember {
  const place = { host: name, port: 5432, apiUrl: `http://${name}:8008/patroni` };
  return { name, role: "replica", state: "running", ...place, lagBytes: 0, nofailover: false, ...part };
}

function sees(leader: string | null, paused = false): PatroniAnswer["cluster"] {
  const members = ["a", "b", "c"].map((name) => member(name, name === leader ? { role: "leader" } : {}));
  return { kind: "known", members, paused };
}

const answer = (node: PatroniAnswer["node"], role: PatroniAnswer["role"], leader: string | null): PatroniAnswer => ({
  kind: "answered",
  node,
  asked: at,
  at,
  role,
  state: "running",
  cluster: sees(leader),
});
const silent = (node: PatroniAnswer["node"]): PatroniLook => ({
  kind: "silent",
  node,
  asked: at,
  at,
  reason: "refused",
});
const blind = (look: PatroniAnswer): PatroniAnswer => ({ ...look, cluster: { kind: "unknown", reason: "no store" } });

describe("who took over from a", () => {
  const cases: readonly (readonly [string, readonly PatroniLook[], string | null])[] = [
    ["nobody yet", [answer(a, "primary", "a"), answer(b, "replica", "a")], null],
    ["b, and a follows", [answer(a, "replica", "b"), answer(b, "primary", "b")], "b"],
    ["b, and a is gone", [silent(a), answer(b, "primary", "b"), answer(c, "replica", "b")], "b"],
    ["b has the key and is not promoted yet", [silent(a), answer(b, "replica", "b")], null],
    ["b is promoted and does not run yet", [silent(a), { ...answer(b, "primary", "b"), state: "starting" }], null],
    ["the key is free", [silent(a), answer(b, "replica", null)], null],
    ["c still sees a", [silent(a), answer(b, "primary", "b"), answer(c, "replica", "a")], null],
    ["a says that it is the primary", [answer(a, "primary", "b"), answer(b, "primary", "b")], null],
    ["a says so and cannot read the store", [blind(answer(a, "primary", "a")), answer(b, "primary", "b")], null],
    [
      "a was the primary, its server is down",
      [{ ...answer(a, "primary", "b"), state: "crashed" }, answer(b, "primary", "b")],
      "b",
    ],
    ["the new leader itself is silent", [silent(a), silent(b), answer(c, "replica", "b")], null],
    ["nobody can tell", [silent(a), blind(answer(b, "primary", "b"))], null],
  ];
  test.each(cases)("%s", (_what, looks, expected) => {
    expect(successor(looks, "a", system)?.name ?? null).toBe(expected);
  });

  test("a new leader whose REST API the inventory does not name is taken at the others' word", () => {
    const few = systemWith({ nodes: [a, { ...b, patroni: null }] });
    expect(successor([answer(a, "replica", "b")], "a", few)?.name).toBe("b");
  });
});

describe("the cluster as the nodes agree on it", () => {
  test("leader and pause", () => {
    const looks = [silent(a), { ...answer(b, "primary", "b"), cluster: sees("b", true) }];
    expect(clusterState(looks, system)).toMatchObject({ leader: { node: { name: "b" } }, paused: true });
    expect(clusterState([answer(b, "replica", null)], system).leader).toBeNull();
  });

  test.each([
    [[silent(a), silent(b)], "PATRONI_UNREACHABLE", "transient"],
    [[silent(a), blind(answer(b, "replica", null))], "PATRONI_NO_STORE", "subject"],
    [[answer(a, "primary", "a"), answer(b, "primary", "b")], "PATRONI_DISAGREE", "transient"],
  ])("what they say is no answer: case %#", (looks, code, failureClass) => {
    expect(() => clusterState(looks, system)).toThrow(expect.objectContaining({ code, class: failureClass }));
  });

  test("a leader that the inventory does not know", () => {
    const stranger = member("x", { role: "leader", host: "10.0.0.9", apiUrl: "http://10.0.0.9:8008/patroni" });
    const look = {
      ...answer(a, "replica", null),
      cluster: { kind: "known", members: [stranger], paused: false },
    } as const;
    expect(() => clusterState([look], system)).toThrow(expect.objectContaining({ code: "PATRONI_MEMBER_UNKNOWN" }));
  });

  test("a standby cluster has no leader that takes writes", () => {
    const members = [member("a", { role: "standby_leader" })];
    const look = { ...answer(a, "replica", null), cluster: { kind: "known", members, paused: false } } as const;
    expect(clusterState([look], system).leader).toBeNull();
  });
});

describe("a member", () => {
  test("is found under the inventory's name by its API, its address or its name", () => {
    expect(nodeOf(member("pg-1", { apiUrl: "http://b:8008/patroni", host: "10.0.0.1" }), system)?.name).toBe("b");
    expect(nodeOf(member("pg-1", { apiUrl: null, host: "c" }), system)?.name).toBe("c");
    expect(nodeOf(member("a", { apiUrl: "http://10.0.0.1:8008/patroni", host: "10.0.0.1" }), system)?.name).toBe("a");
    expect(nodeOf(member("x", { apiUrl: null, host: "10.0.0.1" }), system)).toBeNull();
  });

  test("can take over unless its tags, its silence or its state forbid it; its own word counts more than the store's", () => {
    const looks = [silent(a), answer(b, "replica", "a"), { ...answer(c, "replica", "a"), state: "starting" }];
    expect(unfitness(member("a"), looks, system)).toContain("does not answer");
    expect(unfitness(member("b", { state: "stopped" }), looks, system)).toBeNull();
    expect(unfitness(member("b", { nofailover: true }), looks, system)).toContain("nofailover");
    expect(unfitness(member("c"), looks, system)).toBe("its server is starting");
    expect(unfitness(member("x", { state: "streaming", apiUrl: null, host: null }), looks, system)).toBeNull();
  });

  test("none without a URL in the inventory", () => {
    expect(() => patroniNodes(systemWith({ nodes: [{ ...a, patroni: null }] }))).toThrow(
      expect.objectContaining({ code: "PATRONI_NO_URL" }),
    );
  });
});
