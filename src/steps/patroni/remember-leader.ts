import type { StepContext } from "../../engine/step-contract.ts";
import type { NodeView } from "../ports/replication.ts";
import { replicationState } from "../postgres/replication-state.ts";

/** Records who was the leader unless that is known: after a crash it tells whether the change has happened. */
export async function rememberLeader(name: string, views: readonly NodeView[], ctx: StepContext): Promise<void> {
  if (ctx.replication()?.primary === name) return;
  const primary = views.find((view) => view.kind === "primary" && view.node.name === name);
  if (primary?.kind === "primary") await ctx.fact(replicationState(primary, views));
}
