import type { SystemSnapshot } from "../../drills/inventory.ts";
import type { Reconciliation, StepContext } from "../../engine/step-contract.ts";
import { instant } from "../../support/clock.ts";
import type { PatroniLook } from "../ports/patroni.ts";
import type { PromotedOutput } from "../postgres/record-promotion.ts";
import { clusterState } from "./cluster-state.ts";
import type { PatroniDeps } from "./input.ts";
import { runsAsPrimary, said } from "./members.ts";
import { recordHandover } from "./record-handover.ts";

export interface Found {
  readonly system: SystemSnapshot;
  readonly looks: readonly PatroniLook[];
  /** Who was asked for. */
  readonly to: string | null;
}

/** What the cluster shows after a crash: has another leader than the last known one taken over? */
export async function tookOver(
  deps: PatroniDeps,
  { system, looks, to }: Found,
  ctx: StepContext,
): Promise<Reconciliation<PromotedOutput>> {
  const known = ctx.replication();
  const { leader } = clusterState(looks, system);
  if (leader === null) return { kind: "unknown", message: `the cluster has no leader at this moment: ${said(looks)}` };
  const { node } = leader;
  const before = known?.primary ?? null;
  if (known === null || before === null)
    return { kind: "unknown", message: `${node.name} is the leader, and nobody knows who was it before.` };
  if (node.name === before || (to !== null && node.name !== to)) return { kind: "did_not_happen" };
  const own = looks.find((look) => look.node.name === node.name);
  if (own !== undefined && !runsAsPrimary(own))
    return {
      kind: "unknown",
      message: `${node.name} is the leader and does not run as the primary yet: ${said(looks)}`,
    };
  // When, nobody saw: some time since replication was looked at last.
  const at = own?.at ?? instant(ctx.clock);
  const taken = { node, at, resolutionUs: at.monoUs - known.at.monoUs };
  const reason = "found as the leader after the orchestrator was interrupted";
  const record = { system, taken, before, reason, candidates: [], asked: known.at };
  return { kind: "happened", outputs: await recordHandover(deps, record, ctx) };
}
