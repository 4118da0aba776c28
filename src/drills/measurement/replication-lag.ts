import { formatBytes, formatDurationUs } from "../../support/format.ts";
import type { ReplicationState } from "../facts.ts";
import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import { seenFacts } from "./fact-view.ts";
import { recoveryEndSeq } from "./journal-view.ts";
import type { Loss } from "./loss-schema.ts";
import type { Moment } from "./timeline.ts";

type Lag = Loss["replicationLag"];
type Standby = ReplicationState["standbys"][number];

/** How far the standby that took over was behind when it was last seen before T0; without a promotion, the most advanced. */
export function replicationLag(plan: Plan, records: readonly Recorded[], t0: Moment | null): Lag {
  const seen = seenFacts(plan, records, "replication");
  if (seen.length === 0 && !hasReplica(plan)) {
    const reason = "recovered from a backup; the system has no replica in the inventory";
    return { status: "not_applicable", reason };
  }
  if (t0 === null) return unknown("T0 was not set");
  const last = seen.findLast(({ fact, boot }) => boot === t0.boot && fact.at.monoUs <= t0.monoUs)?.fact;
  if (last === undefined) return unknown("no step observed the replicas before T0");
  const promoted = promotedNode(plan, records);
  const standby = promoted === null ? mostAdvanced(last) : last.standbys.find(({ node }) => node === promoted);
  if (standby === undefined) return unknown(promoted === null ? "no standby streamed before T0" : notSeen(promoted));
  return lagOf(standby, t0.monoUs - last.at.monoUs);
}

const unknown = (reason: string): Lag => ({ status: "not_measured", reason });
const notSeen = (node: string): string => `'${node}' was not among the standbys seen before T0`;

function hasReplica({ system }: Plan): boolean {
  return system !== null && (system.endpoints.replicas.length > 0 || system.nodes.length > 1);
}

function promotedNode(plan: Plan, records: readonly Recorded[]): string | null {
  const end = recoveryEndSeq(records);
  return seenFacts(plan, records, "promotion").findLast(({ seq }) => seq < end)?.fact.node ?? null;
}

function mostAdvanced({ standbys }: ReplicationState): Standby | undefined {
  const behind = (standby: Standby): number => standby.lagBytes ?? Number.POSITIVE_INFINITY;
  return standbys.filter((standby) => standby.streaming).toSorted((a, b) => behind(a) - behind(b))[0];
}

function lagOf({ node, lagBytes, lagUs, streaming }: Standby, ageUs: number): Lag {
  if (lagBytes === null) return unknown(`how far '${node}' was behind could not be told before T0`);
  const time = lagUs === null ? "" : ` and ${formatDurationUs(lagUs)}`;
  const text = `${formatBytes(lagBytes)}${time} behind, seen ${formatDurationUs(ageUs)} before T0`;
  const source = `standby '${node}'${streaming ? "" : ", which did not stream"}`;
  return { status: "measured", node, lagBytes, lagUs, ageUs, source, text };
}
