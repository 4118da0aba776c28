import type { Fact } from "../facts.ts";
import type { TrafficRef } from "../traffic-ref.ts";
import { type SeenFact, withStep } from "./fact-view.ts";
import type { Observed } from "./observed-schema.ts";

type Failover = Pick<
  Observed,
  | "traffic"
  | "canary"
  | "outages"
  | "replication"
  | "injections"
  | "fencings"
  | "promotions"
  | "rebuilds"
  | "humanWaits"
>;

type Seen = <K extends Fact["kind"]>(kind: K) => readonly SeenFact<K>[];

/** The last traffic and its two readings; of all else every one, in order. A result is its owner's: nothing is shared with the journal. */
export function observedFailover(seen: Seen): Failover {
  return structuredClone({
    traffic: trafficOf(seen("traffic").at(-1)),
    canary: canaryOf(seen("canary_loss").at(-1)),
    outages: outagesOf(seen("client_outages").at(-1)),
    replication: seen("replication").map((each) => ({ ...withStep(each), standbys: [...each.fact.standbys] })),
    injections: seen("injection").map(withStep),
    fencings: seen("fencing").map((each) => ({ ...withStep(each), proofs: [...each.fact.proofs] })),
    promotions: seen("promotion").map((each) => ({ ...withStep(each), candidates: [...each.fact.candidates] })),
    rebuilds: seen("rebuild").map(withStep),
    humanWaits: seen("human_wait").map(withStep),
  });
}

/** Without the folder, the processes and the secret's name: those are of this machine. */
function trafficOf(seen: SeenFact<"traffic"> | undefined): Failover["traffic"] {
  if (seen === undefined) return null;
  const { traffic } = seen.fact;
  const { writers, intervalUs, payloadBytes, synchronousCommit } = traffic;
  const { probeIntervalUs, connectTimeoutUs, answerTimeoutUs } = traffic;
  const asked = { writers, intervalUs, payloadBytes, synchronousCommit };
  return { path: pathText(traffic), ...asked, probeIntervalUs, connectTimeoutUs, answerTimeoutUs, step: seen.step };
}

function pathText({ path }: TrafficRef): string {
  const hosts = path.hosts.map(({ host, port }) => `${host}:${port}`).join(", ");
  return path.targetSessionAttrs === "any" ? hosts : `${hosts} (${path.targetSessionAttrs})`;
}

/** What is lost stands with the loss. */
function canaryOf(seen: SeenFact<"canary_loss"> | undefined): Failover["canary"] {
  if (seen === undefined) return null;
  const { kind: _, lost: _lost, survivorBeforeLoss: _before, ...rest } = seen.fact;
  return { ...rest, step: seen.step };
}

function outagesOf(seen: SeenFact<"client_outages"> | undefined): Failover["outages"] {
  if (seen === undefined) return null;
  const { kind: _, outages, ...rest } = seen.fact;
  return { ...rest, outages: [...outages], step: seen.step };
}
