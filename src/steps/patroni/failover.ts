import { z } from "zod";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { defineStep, type StepContext } from "../../engine/step-contract.ts";
import { instant } from "../../support/clock.ts";
import { durationMs } from "../../support/duration.ts";
import type { PatroniLook, PatroniRequest } from "../ports/patroni.ts";
import { type PromotedOutput, promotedOutput } from "../postgres/record-promotion.ts";
import { nodeNamed, oldPrimary, systemOf } from "../postgres/system-nodes.ts";
import { inOrder } from "./ask-patroni.ts";
import { clusterState, successor } from "./cluster-state.ts";
import { handOver, SETTLE_MS } from "./hand-over.ts";
import { authField, loginOf, lookAround, OBSERVE_MS, type PatroniDeps, toField } from "./input.ts";
import { knownViews, nodeOf, patroniNodes } from "./members.ts";
import { candidatesOf, recordHandover } from "./record-handover.ts";
import { pausedError, sayOther } from "./switchover.ts";

const input = z.strictObject({
  to: toField.describe(
    "Node to ask Patroni for (`POST /failover`); absent: Patroni fails over by itself and is only watched.",
  ),
  within: durationMs().prefault("5m").describe("How long it may take; Patroni's `ttl` is part of it. Default 5m."),
  auth: authField,
});
type Input = z.output<typeof input>;

/** `patroni/failover`: waits for the failover of a cluster that has lost its leader, or asks for one. */
export function patroniFailoverStep(deps: PatroniDeps) {
  return defineStep({
    uses: "patroni/failover",
    summary:
      "Waits until Patroni has failed over by itself (or asks it for a named node) and the new leader runs as the primary.",
    role: "action",
    effect: "disruptive",
    // Who has taken over already is found as such, and nobody is asked again.
    idempotent: true,
    with: input,
    outputs: promotedOutput,
    creates: [],
    defaultTimeoutMs: 10 * 60_000,
    needsSystem: true,
    run: async (wish, ctx) => ({ kind: "done", outputs: await failOver(deps, systemOf(ctx), wish, ctx) }),
  });
}

async function failOver(
  deps: PatroniDeps,
  system: SystemSnapshot,
  wish: Input,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const { patroni, replication } = deps;
  const nodes = patroniNodes(system);
  const to = wish.to === undefined ? null : nodeNamed(system, wish.to);
  const before = oldPrimary(system, ctx).name;
  const begun = instant(ctx.clock);
  const [looks, views, login] = await Promise.all([
    lookAround(patroni, nodes, ctx),
    replication.observe(system, system.nodes, { timeoutMs: OBSERVE_MS, signal: ctx.signal }),
    loginOf(wish.auth, ctx),
  ]);
  const over = successor(looks, before, system) !== null;
  const request = over || to === null ? null : failoverTo(to, looks, system);
  if (request === null && !over && knownViews(looks).some(({ paused }) => paused))
    throw pausedError("a failover needs `to`");
  if (request !== null) await ctx.requireCurrent();
  // When it was over before anybody looked, it came some time since replication was looked at last.
  const since = over ? (ctx.replication()?.at ?? begun) : begun;
  const asked = request === null ? begun : instant(ctx.clock);
  const limits = { withinMs: wish.within, settleMs: SETTLE_MS };
  const move = { system, nodes: inOrder(nodes, to), before, since, login, request, ...limits };
  const taken = await handOver(patroni, move, ctx);
  await sayOther(taken.node, to, ctx);
  const members = knownViews(looks)[0]?.members ?? [];
  const candidates = candidatesOf(members, before, { looks, views, system });
  const reason = request === null ? BY_ITSELF : "asked for";
  return recordHandover(deps, { system, taken, before, reason, candidates, asked }, ctx);
}

const BY_ITSELF = "Patroni failed over by itself after the leader key expired";

/** Throws what `clusterState` does when nobody can tell the member's name. */
function failoverTo(to: NodeSpec, looks: readonly PatroniLook[], system: SystemSnapshot): PatroniRequest {
  const { members } = clusterState(looks, system);
  const candidate = members.find((member) => nodeOf(member, system)?.name === to.name)?.name ?? to.name;
  return { kind: "failover", candidate };
}
