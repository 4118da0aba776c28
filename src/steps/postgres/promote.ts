import { z } from "zod";
import type { SystemSnapshot } from "../../drills/inventory.ts";
import { defineStep, type Reconciliation, type StepContext } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { sizeBytes } from "../../support/size.ts";
import type { NodeView, PrimaryView, Replication } from "../ports/replication.ts";
import type { Traffic } from "../ports/traffic.ts";
import { type Chosen, chooseStandby } from "./choose-standby.ts";
import { knownPosition, requireWithinLag } from "./known-position.ts";
import { firstWrite, markPromoted } from "./mark-service.ts";
import {
  becamePrimary,
  markService,
  type PromotedOutput,
  promotedOutput,
  recordPromotion,
} from "./record-promotion.ts";
import { repointStandbys, sayRepointed } from "./repoint-standbys.ts";
import { requireFenced } from "./require-fenced.ts";
import { requireHeard } from "./require-heard.ts";
import { requireNoPrimary } from "./require-no-primary.ts";
import { nodeNamed, systemOf } from "./system-nodes.ts";

export interface PromoteDeps {
  readonly replication: Replication;
  readonly traffic: Traffic;
}

const input = z.strictObject({
  node: z.string().min(1).default("auto").describe("Standby to promote; `auto`: the one that has received most."),
  maxLag: sizeBytes()
    .prefault("16MB")
    .describe("How much less than the old primary it may have received, by what is known of that one. Default 16MB."),
  allowDataLoss: z.boolean().default(false).describe("Promote it however far behind it is."),
  repoint: z.boolean().default(true).describe("Tell the other standbys to follow the new primary."),
  timeout: durationMs().prefault("1s").describe("Longest to wait for what a node says of itself. Default 1s."),
});
type Input = z.output<typeof input>;

/** `postgres/promote`: makes the most advanced standby the primary, after it is sure that there is no other one. */
export function promoteStep(deps: PromoteDeps) {
  return defineStep({
    uses: "postgres/promote",
    summary:
      "Promotes the standby that has received most (or a named one) and records why that one and how far it was behind.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: input,
    outputs: promotedOutput,
    creates: [],
    defaultTimeoutMs: 5 * 60_000,
    needsSystem: true,
    run: async (wish, ctx) => ({ kind: "done", outputs: await promote(deps, systemOf(ctx), wish, ctx) }),
    reconcile: (wish, ctx) => reconcile(deps, systemOf(ctx), wish, ctx),
  });
}

async function promote(
  { replication, traffic }: PromoteDeps,
  system: SystemSnapshot,
  wish: Input,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const { signal } = ctx;
  const wanted = wish.node === "auto" ? null : nodeNamed(system, wish.node);
  const limits = { timeoutMs: wish.timeout, signal };
  const [known, views] = await Promise.all([
    knownPosition(traffic, ctx),
    replication.observe(system, system.nodes, limits),
  ]);
  await requireNoPrimary(replication, system, views, limits);
  requireFenced(views, ctx);
  const chosen = chooseStandby(views, wanted);
  const { standby, reason, candidates } = chosen;
  requireWithinLag(standby.node.name, standby.receivedLsn, known, wish);
  await requireHeard({ name: standby.node.name, receivedLsn: standby.receivedLsn }, views, known, wish, ctx);
  await sayNotMostAdvanced(chosen, ctx);
  await ctx.requireCurrent();
  const server = await replication.promote(system, standby.node, signal);
  const move = { views: wish.repoint ? views : [], primary: standby.node, forkLsn: server.lsn };
  const repointing = repointStandbys(replication, system, move, signal);
  const writing = firstWrite(replication, system, standby.node, ctx);
  const record = { node: standby.node, reason, candidates, known, fromTimeline: standby.timeline, server };
  const outputs = await recordPromotion(system, record, ctx);
  await markPromoted(standby.node, server, await writing, ctx);
  await sayRepointed(await repointing, ctx);
  return outputs;
}

async function sayNotMostAdvanced({ standby, moreAdvanced }: Chosen, ctx: StepContext): Promise<void> {
  if (moreAdvanced === null) return;
  const message = `${standby.node.name} was asked for and has received ${standby.receivedLsn}; ${moreAdvanced.node.name} has ${moreAdvanced.receivedLsn}`;
  await ctx.deviation("PROMOTE_NOT_MOST_ADVANCED", message);
}

/** Before it opens it replays all that it has received. */
const SETTLE_MS = 60_000;

/** The request to promote cannot be taken back, but a server that is still a standby can be asked once more. */
async function reconcile(
  deps: PromoteDeps,
  system: SystemSnapshot,
  wish: Input,
  ctx: StepContext,
): Promise<Reconciliation<PromotedOutput>> {
  // The request may be there, and its effect not yet: asked again, another standby might be chosen.
  const options = { timeoutMs: wish.timeout, settleMs: SETTLE_MS, signal: ctx.signal };
  const { views, promoting } = await deps.replication.observeSettled(system, system.nodes, options);
  if (promoting.length > 0) return { kind: "unknown", message: `${promoting.join(", ")} is still being promoted.` };
  const before = ctx.replication();
  const primary = views.find((view) => view.kind === "primary");
  if (primary !== undefined && before === null)
    return { kind: "unknown", message: `${primary.node.name} is the primary, and nobody knows who was it before.` };
  if (primary !== undefined && before !== null && becamePrimary(primary.node.name, primary.timeline, before))
    return { kind: "happened", outputs: await found(deps, system, wish.repoint ? views : [], primary, ctx) };
  // With a primary on the old timeline, or every standby still one, nothing was promoted; the run itself refuses what is unsafe.
  const silent = views.filter((view) => view.kind === "unreachable" && view.node.name !== before?.primary);
  if (primary !== undefined || silent.length === 0) return { kind: "did_not_happen" };
  return {
    kind: "unknown",
    message: `${silent.map(({ node }) => node.name).join(", ")} does not answer: was it promoted?`,
  };
}

/** The other standbys may not have been told yet; who follows already is told the same again. */
async function found(
  deps: PromoteDeps,
  system: SystemSnapshot,
  views: readonly NodeView[],
  primary: PrimaryView,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const outputs = await recordFound(deps, system, primary, ctx);
  await ctx.requireCurrent();
  const others = views.filter(({ node }) => node.name !== ctx.replication()?.primary);
  const move = { views: others, primary: primary.node, forkLsn: outputs.lsn };
  await sayRepointed(await repointStandbys(deps.replication, system, move, ctx.signal), ctx);
  return outputs;
}

/** When it was promoted nobody saw: some time since replication was looked at last, which is the resolution. */
async function recordFound(
  { replication }: PromoteDeps,
  system: SystemSnapshot,
  primary: PrimaryView,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const before = ctx.replication();
  const sinceUs = primary.at.monoUs - (before?.at.monoUs ?? 0);
  const { at: promoted, timeline } = primary;
  const asked = before?.at ?? promoted;
  const server = { asked, promoted, resolutionUs: sinceUs, timeline, lsn: primary.beganLsn ?? primary.lsn };
  const record = {
    node: primary.node,
    reason: "found promoted after the orchestrator was interrupted",
    candidates: [],
    known: null,
    fromTimeline: before?.timeline ?? 0,
    server,
  };
  const outputs = await recordPromotion(system, record, ctx);
  await markService(replication, system, record, ctx);
  return outputs;
}
