import type { ReplicationState } from "../../drills/facts.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import type { NodeView } from "../ports/replication.ts";
import type { KnownPosition, LagLimit } from "./known-position.ts";
import { bytesBehind } from "./wal-distance.ts";

interface Candidate {
  readonly name: string;
  readonly receivedLsn: string | null;
}

/**
 * A standby that streamed and is silent now may have received more than the one that was chosen. Where it was a synchronous one, commits
 * were acknowledged on its word alone: without it only a standby that has all that is known of the old primary may be promoted.
 * Throws `PROMOTE_STANDBY_SILENT`.
 */
export async function requireHeard(
  chosen: Candidate,
  views: readonly NodeView[],
  known: KnownPosition | null,
  { allowDataLoss }: LagLimit,
  ctx: StepContext,
): Promise<void> {
  const silent = silentStandbys(ctx.replication(), views);
  if (silent.length === 0) return;
  const names = silent.map(({ node }) => node).join(", ");
  const message = `${names} streamed before and does not answer now: it may have received more than ${chosen.name}`;
  const lag = bytesBehind(known?.lsn ?? null, chosen.receivedLsn);
  if (silent.some(isSynchronous) && !allowDataLoss && lag !== 0) {
    throw new StepError("subject", "PROMOTE_STANDBY_SILENT", `${message}, and it was a synchronous standby`, {
      hint: "wait until it answers (retry:), or say `allowDataLoss: true`",
    });
  }
  await ctx.deviation("PROMOTE_STANDBY_SILENT", message);
}

type Standby = ReplicationState["standbys"][number];

function silentStandbys(before: ReplicationState | null, views: readonly NodeView[]): readonly Standby[] {
  const unreachable = new Set(views.filter(({ kind }) => kind === "unreachable").map(({ node }) => node.name));
  return (before?.standbys ?? []).filter(({ node, streaming }) => streaming && unreachable.has(node));
}

const isSynchronous = ({ sync }: Standby): boolean => sync === "sync" || sync === "quorum";
