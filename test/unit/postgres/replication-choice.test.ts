import { describe, expect, test } from "vitest";
import type { NodeSpec } from "../../../src/drills/inventory.ts";
import type { NodeView, StandbyView } from "../../../src/steps/ports/replication.ts";
import { chooseStandby } from "../../../src/steps/postgres/choose-standby.ts";
import { requireWithinLag } from "../../../src/steps/postgres/known-position.ts";

const at = { wallUs: 0, monoUs: 0 };

function node(name: string): NodeSpec {
  const nothing = { dataDir: null, bin: null, start: null, stop: null, supervisorPidFile: null, patroni: null };
  return { name, endpoint: { host: "127.0.0.1", port: 1 }, ...nothing };
}

function standby(name: string, receivedLsn: string | null, timeline = 1): StandbyView {
  const server = {
    node: node(name),
    at,
    major: 18,
    systemIdentifier: "1",
    port: 5432,
    timeline,
    timelineFrom: "wal",
  } as const;
  return { kind: "standby", ...server, receivedLsn, replayedLsn: null, replayPaused: false, receiver: null };
}

const silent = (name: string): NodeView => ({
  kind: "unreachable",
  node: node(name),
  at,
  reason: "no answer",
  closed: false,
});
const chosen = (...views: NodeView[]) => chooseStandby(views, null).standby.node.name;

describe("the standby to promote", () => {
  test("has received most, by position and not by its text", () => {
    expect(chosen(standby("b", "0/FFFFFFFF"), standby("c", "1/0"))).toBe("c");
    expect(chosen(standby("b", "0/9"), standby("c", "0/10"))).toBe("c");
  });

  test("is on the newest timeline, however much another one has received on an older", () => {
    expect(chosen(standby("b", "5/0", 1), standby("c", "1/0", 2))).toBe("c");
  });

  test("is the first of the inventory among equals, and one that answers", () => {
    expect(chosen(silent("a"), standby("b", "1/0"), standby("c", "1/0"))).toBe("b");
  });

  test("none: says of each why", () => {
    expect(() => chooseStandby([silent("a"), standby("b", null)], null)).toThrow(
      "a does not answer: no answer; b has received nothing yet",
    );
    expect(() => chooseStandby([standby("b", "1/0"), silent("c")], node("c"))).toThrow("c cannot be promoted");
  });
});

describe("the limit of the lag", () => {
  const known = { lsn: "0/2000000", from: "canary", ageUs: 0 };
  const limit = { maxLag: 16 * 1024 * 1024, allowDataLoss: false };

  test("counts to the byte", () => {
    expect(() => requireWithinLag("b", "0/1000000", known, limit)).not.toThrow();
    expect(() => requireWithinLag("b", "0/FFFFFF", known, limit)).toThrow("b has received up to 0/FFFFFF");
    expect(() => requireWithinLag("b", "0/1", known, { ...limit, allowDataLoss: true })).not.toThrow();
  });
});
