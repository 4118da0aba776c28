import type { Fact } from "../../drills/facts.ts";
import { formatCount, formatDurationUs } from "../../support/format.ts";
import { oneLine } from "./plain-text.ts";

/** A line for the facts of a failover; null for those that the report alone shows. */
export function describeFact(fact: Fact): string | null {
  switch (fact.kind) {
    case "injection":
      return `fault ${oneLine(fact.fault, 60)} on ${oneLine(fact.node, 60)}: ${oneLine(fact.detail, 200)}`;
    case "fencing":
      return `${oneLine(fact.node, 60)} fenced (${fact.how.replace("_", " ")}): ${oneLine(fact.proofs.join("; "), 240)}`;
    case "promotion":
      return `${oneLine(fact.node, 60)} promoted to timeline ${fact.toTimeline}: ${oneLine(fact.reason, 200)}`;
    case "rebuild":
      return `${oneLine(fact.node, 60)} streams again (${fact.method.replace("_", " ")}): ${oneLine(fact.reason, 200)}`;
    case "human_wait":
      return `${fact.decision.replace("_", " ")}${fact.who === null ? "" : ` by ${oneLine(fact.who, 60)}`} after ${formatDurationUs(fact.to.monoUs - fact.from.monoUs)}: ${oneLine(fact.what, 200)}`;
    case "client_outages":
      return `${formatCount(fact.failed)} of ${formatCount(fact.probes)} probes of the clients' path failed, in ${formatCount(fact.outagesInAll)} outage${fact.outagesInAll === 1 ? "" : "s"}`;
    case "canary_loss":
      return `${formatCount(fact.counts.lost)} of ${formatCount(fact.counts.acknowledged)} acknowledged transactions lost`;
    default:
      return null;
  }
}
