import { z } from "zod";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Reconciliation, type StepContext } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { sizeBytes } from "../../support/size.ts";
import type { PromotedServer } from "../ports/replication.ts";
import { planFence } from "./fence-resource.ts";
import { knownPosition } from "./known-position.ts";
import { firstWrite, markPromoted } from "./mark-service.ts";
import {
  type PromotionRecord,
  becamePrimary,
  markService,
  type PromotedOutput,
  promotedOutput,
  recordPromotion,
} from "./record-promotion.ts";
import { rebuildAs } from "./rebuild.ts";
import { repointStandbys, sayRepointed } from "./repoint-standbys.ts";
import { handOver, type Handover, type SwitchoverDeps } from "./hand-over.ts";
import { planSwitchover, type SwitchoverPlan } from "./plan-switchover.ts";
import { systemOf } from "./system-nodes.ts";

const input = z.strictObject({
  to: z
    .string()
    .min(1)
    .default("auto")
    .describe("Standby that becomes the primary; `auto`: the one that has received most."),
  grace: durationMs().prefault("60s").describe("Longest the old primary may take to shut down in order. Default 60s."),
  force: z
    .boolean()
    .default(false)
    .describe("When it takes longer: kill it and promote all the same. Otherwise it stays the primary."),
  maxLag: sizeBytes()
    .prefault("16MB")
    .describe("How far behind the standby may be at the begin, and, when it is forced, at the end. Default 16MB."),
  allowDataLoss: z.boolean().default(false).describe("When it is forced: promote however far behind the standby is."),
  repoint: z.boolean().default(true).describe("Tell the other standbys to follow the new primary."),
  timeout: durationMs().prefault("2s").describe("Longest to wait for what a node says of itself. Default 2s."),
});
type Input = z.output<typeof input>;

/** `postgres/switchover`: primary and standby change places, and nothing that was acknowledged is lost. */
export function switchoverStep(deps: SwitchoverDeps) {
  return defineStep({
    uses: "postgres/switchover",
    summary:
      "Shuts the primary down in order, promotes a standby that has received everything, and makes the old primary its standby.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: input,
    outputs: promotedOutput,
    creates: ["fault", "backup-directory"],
    defaultTimeoutMs: 30 * 60_000,
    needsSystem: true,
    run: async (wish, ctx) => ({ kind: "done", outputs: await switchOver(deps, systemOf(ctx), wish, ctx) }),
    reconcile: (wish, ctx) => reconcile(deps, systemOf(ctx), wish, ctx),
  });
}

/** Everything slow stands before the outage (the checkpoint) or after it (the old primary's way back). */
async function switchOver(
  deps: SwitchoverDeps,
  system: SystemSnapshot,
  wish: Input,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const { replication } = deps;
  const plan = await planSwitchover(deps, system, wish, ctx);
  await ctx.requireCurrent();
  await replication.checkpoint(system, plan.primary.node, ctx.signal);
  const fence = await planFence(system, plan.primary.node, ctx);
  await ctx.requireCurrent();
  const handover = await handOver(deps, system, plan, wish, ctx);
  const move = { views: wish.repoint ? plan.views : [], primary: plan.target.node, forkLsn: handover.server.lsn };
  const repointing = repointStandbys(replication, system, move, ctx.signal);
  const writing = firstWrite(replication, system, plan.target.node, ctx);
  const outputs = await recordPromotion(system, recordOf(plan, handover), ctx);
  await markPromoted(plan.target.node, handover.server, await writing, ctx);
  await sayRepointed(await repointing, ctx);
  await ctx.ledger.created(fence.id, fence.locator);
  await comeBack(deps, system, plan.primary.node, plan.target.node, ctx);
  return outputs;
}

function recordOf(
  { target, reason, candidates }: SwitchoverPlan,
  { server, known, shutdownLsn }: Handover,
): PromotionRecord {
  const all = shutdownLsn === null ? "" : `; it has everything up to the shutdown at ${shutdownLsn}`;
  return { node: target.node, reason: `${reason}${all}`, candidates, known, fromTimeline: target.timeline, server };
}

async function comeBack(
  deps: SwitchoverDeps,
  system: SystemSnapshot,
  node: NodeSpec,
  primary: NodeSpec,
  ctx: StepContext,
): Promise<void> {
  const whom = { system, node, primary };
  const { method, reason, bytes, kept, streaming } = await rebuildAs(
    deps,
    whom,
    { method: "auto", discardDivergent: false },
    ctx,
  );
  await ctx.fact({ kind: "rebuild", node: node.name, method, reason, bytes, kept, streaming });
}

/**
 * Promoted: it happened, and what the interrupted one still owed is done now, as nothing of it can harm. A primary on the old timeline:
 * it did not, and may begin again. Nobody: only a person, or the cleanup, should start the old one.
 */
async function reconcile(
  deps: SwitchoverDeps,
  system: SystemSnapshot,
  wish: Input,
  ctx: StepContext,
): Promise<Reconciliation<PromotedOutput>> {
  const views = await deps.replication.observe(system, system.nodes, { timeoutMs: wish.timeout, signal: ctx.signal });
  const before = ctx.replication();
  const [primary, ...more] = views.filter((view) => view.kind === "primary");
  if (primary === undefined || more.length > 0 || before === null)
    return { kind: "unknown", message: "It cannot be told who was the primary before, or who is it now." };
  if (!becamePrimary(primary.node.name, primary.timeline, before)) return { kind: "did_not_happen" };
  const asked = before.at;
  const server: PromotedServer = {
    asked,
    promoted: primary.at,
    resolutionUs: primary.at.monoUs - asked.monoUs,
    timeline: primary.timeline,
    lsn: primary.beganLsn ?? primary.lsn,
  };
  const reason = "found promoted after the orchestrator was interrupted";
  const known = await knownPosition(deps.traffic, ctx);
  const record = { node: primary.node, reason, candidates: [], known, fromTimeline: before.timeline ?? 0, server };
  const outputs = await recordPromotion(system, record, ctx);
  await markService(deps.replication, system, record, ctx);
  const move = { views: wish.repoint ? views : [], primary: primary.node, forkLsn: server.lsn };
  const others = move.views.filter(({ node }) => node.name !== before.primary);
  await sayRepointed(await repointStandbys(deps.replication, system, { ...move, views: others }, ctx.signal), ctx);
  const old = views.find(({ node }) => node.name === before.primary);
  if (old !== undefined && old.kind !== "standby") await finishComeBack(deps, system, old.node, primary.node, ctx);
  return { kind: "happened", outputs };
}

/** The promotion stands whatever becomes of the old primary; that it is no standby is said. */
async function finishComeBack(
  deps: SwitchoverDeps,
  system: SystemSnapshot,
  old: NodeSpec,
  primary: NodeSpec,
  ctx: StepContext,
): Promise<void> {
  try {
    await ctx.requireCurrent();
    await comeBack(deps, system, old, primary, ctx);
  } catch (error) {
    ctx.signal.throwIfAborted();
    if (!(error instanceof StepError)) throw error;
    const message = `${old.name} is no standby yet (${error.message}): postgres/rebuild makes it one`;
    await ctx.deviation("SWITCHOVER_UNFINISHED", message);
  }
}
