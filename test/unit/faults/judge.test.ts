import { describe, expect, test } from "vitest";
import type { NodeFaultRef } from "../../../src/drills/fault-ref.ts";
import { judge } from "../../../src/faults/standing.ts";
import type { NodeSpec } from "../../../src/drills/inventory.ts";
import type { NodeView } from "../../../src/steps/ports/replication.ts";

const at = { wallUs: 1, monoUs: 1 };
const spec = (name: string): NodeSpec => ({
  name,
  endpoint: { host: "127.0.0.1", port: 5432 },
  dataDir: `/srv/${name}`,
  bin: null,
  start: null,
  stop: null,
  supervisorPidFile: null,
  patroni: null,
});
const server = { at, major: 18, systemIdentifier: "1", port: 5432 };

/** `a:primary:1`, `b:standby`, `c:silent`. */
function view(text: string): NodeView {
  const [name = "", kind, timeline = "1"] = text.split(":");
  const node = spec(name);
  if (kind === "silent") return { kind: "unreachable", node, at, reason: "no answer", closed: false };
  if (kind === "primary") {
    return {
      ...server,
      kind,
      node,
      timeline: Number(timeline),
      lsn: "0/1",
      beganLsn: null,
      readOnly: false,
      senders: [],
    };
  }
  return {
    ...server,
    kind: "standby",
    node,
    timeline: Number(timeline),
    timelineFrom: "wal",
    receivedLsn: null,
    replayedLsn: null,
    replayPaused: false,
    receiver: null,
  };
}

function judged(role: NodeFaultRef["role"], seen: string, down: readonly string[] = []): string {
  const system = {
    name: "orders",
    nodes: [],
    credentials: { user: null, password: null, database: null, replication: null },
  };
  const ref: NodeFaultRef = { type: "freeze", system, node: "a", role, supervisor: false };
  return judge(ref, seen.split(" ").map(view), new Set(down)).kind;
}

describe("a broken primary a", () => {
  test.each([
    ["nobody took its place", "a:silent b:standby c:standby", [], "free"],
    ["another was promoted", "a:silent b:primary:2 c:standby", [], "superseded"],
    ["another was promoted, and one is silent", "a:silent b:primary:2 c:silent", [], "superseded"],
    ["one is silent and may have been promoted", "a:silent b:standby c:silent", [], "unknown"],
    ["one is silent because it is known to be down", "a:silent b:standby c:silent", ["c"], "free"],
    ["nobody answers", "a:silent b:silent c:silent", [], "unknown"],
    ["it was rebuilt as a standby", "a:standby b:primary:2", [], "free"],
    ["both are primaries, the other by promotion", "a:primary:1 b:primary:2", [], "superseded"],
    ["both are primaries, and it is not the older", "a:primary:2 b:primary:2", [], "unknown"],
    ["it is the only server", "a:silent", [], "free"],
  ] as const)("when %s", (_when, seen, down, kind) => {
    expect(judged("primary", seen, down)).toBe(kind);
    // Not known to have been a standby is not known to be harmless.
    expect(judged("unknown", seen, down)).toBe(kind);
  });
});

test.each([
  ["a:silent b:primary c:standby", "free"],
  ["a:silent b:silent c:silent", "free"],
  ["a:primary:2 b:primary:3", "superseded"],
] as const)("a broken standby harms nobody unless it answers as a primary: %s", (seen, kind) => {
  expect(judged("standby", seen)).toBe(kind);
});
