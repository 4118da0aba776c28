import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import type { NodeView, Replication } from "../ports/replication.ts";
import { compareLsn } from "./wal-distance.ts";

const TELL_TIMEOUT_MS = 2000;

/** What became of each; none is waited for to stream. */
export type Repointed = readonly { readonly node: string; readonly trouble: string | null }[];

/**
 * Tells all other standbys that answered to follow the new primary. It begins when there is one, and only tells: synchronous
 * commits may wait for these standbys. Never rejects. One that has more than the new primary cannot follow: postgres/rebuild.
 */
export function repointStandbys(
  replication: Replication,
  system: SystemSnapshot,
  { views, primary, forkLsn }: { views: readonly NodeView[]; primary: NodeSpec; forkLsn: string },
  signal: AbortSignal,
): Promise<Repointed> {
  const others = views.filter((view) => view.kind === "standby" && view.node.name !== primary.name);
  return Promise.all(
    others.map(async (view) => {
      const { node } = view;
      if (view.kind === "standby" && view.receivedLsn !== null && compareLsn(view.receivedLsn, forkLsn) > 0)
        return {
          node: node.name,
          trouble: `has received ${view.receivedLsn}, past ${forkLsn} where the new timeline began`,
        };
      const within = AbortSignal.any([signal, AbortSignal.timeout(TELL_TIMEOUT_MS)]);
      return replication.repoint(system, node, primary, within).then(
        () => ({ node: node.name, trouble: null }),
        (error: unknown) => ({ node: node.name, trouble: error instanceof Error ? error.message : String(error) }),
      );
    }),
  );
}

export async function sayRepointed(repointed: Repointed, ctx: StepContext): Promise<void> {
  for (const { node, trouble } of repointed)
    if (trouble !== null)
      await ctx.deviation("STANDBY_LEFT_BEHIND", `${node} does not follow the new primary: ${trouble}`);
}
