import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import type { NodeView } from "../ports/replication.ts";

/**
 * An old primary that is silent may be frozen, cut off from us only, or starting again: it would be a second one later. Where
 * nobody knows who was the primary, each silent node may be. Throws `PROMOTE_NOT_FENCED`.
 */
export function requireFenced(views: readonly NodeView[], ctx: Pick<StepContext, "replication" | "fenced">): void {
  const before = ctx.replication()?.primary ?? null;
  const fenced = new Set(ctx.fenced());
  for (const view of views) {
    const { name } = view.node;
    if (view.kind !== "unreachable" || view.closed || fenced.has(name)) continue;
    if (before !== null && name !== before) continue;
    throw new StepError(
      "permanent",
      "PROMOTE_NOT_FENCED",
      `${name} may still be the primary: it does not answer (${view.reason}), and nobody has fenced it`,
      { hint: "put postgres/fence before it" },
    );
  }
}
