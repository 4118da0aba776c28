import { z } from "zod";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Reconciliation, type StepContext } from "../../engine/step-contract.ts";
import { instant } from "../../support/clock.ts";
import { durationMs } from "../../support/duration.ts";
import type { PatroniLook } from "../ports/patroni.ts";
import { type PromotedOutput, promotedOutput } from "../postgres/record-promotion.ts";
import { nodeNamed, systemOf } from "../postgres/system-nodes.ts";
import { inOrder } from "./ask-patroni.ts";
import { clusterState, type ClusterState, unfitness } from "./cluster-state.ts";
import { handOver, SETTLE_MS } from "./hand-over.ts";
import { authField, loginOf, lookAround, OBSERVE_MS, type PatroniDeps, toField } from "./input.ts";
import { nodeOf, patroniNodes, runsAsPrimary, said } from "./members.ts";
import { candidatesOf, recordHandover } from "./record-handover.ts";
import { rememberLeader } from "./remember-leader.ts";
import { tookOver } from "./took-over.ts";

const input = z.strictObject({
  to: toField,
  within: durationMs().prefault("2m").describe("How long it may take. Default 2m."),
  auth: authField,
});
type Input = z.output<typeof input>;

/** `patroni/switchover`: asks Patroni for a planned change of the leader and watches it happen. */
export function patroniSwitchoverStep(deps: PatroniDeps) {
  return defineStep({
    uses: "patroni/switchover",
    summary: "Asks Patroni to hand the leader's role to another member and waits until that one runs as the primary.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: input,
    outputs: promotedOutput,
    creates: [],
    defaultTimeoutMs: 5 * 60_000,
    needsSystem: true,
    run: async (wish, ctx) => ({ kind: "done", outputs: await switchOver(deps, systemOf(ctx), wish, ctx) }),
    reconcile: (wish, ctx) => reconcile(deps, systemOf(ctx), wish, ctx),
  });
}

async function switchOver(
  deps: PatroniDeps,
  system: SystemSnapshot,
  wish: Input,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const { patroni, replication } = deps;
  const nodes = patroniNodes(system);
  const to = wish.to === undefined ? null : nodeNamed(system, wish.to);
  const [looks, views, login] = await Promise.all([
    lookAround(patroni, nodes, ctx),
    replication.observe(system, system.nodes, { timeoutMs: OBSERVE_MS, signal: ctx.signal }),
    loginOf(wish.auth, ctx),
  ]);
  const { leader, candidate, members } = switchable(looks, to, system);
  const before = leader.node.name;
  await rememberLeader(before, views, ctx);
  await ctx.requireCurrent();
  const asked = instant(ctx.clock);
  const request = { kind: "switchover", leader: leader.member.name, candidate } as const;
  const limits = { withinMs: wish.within, settleMs: SETTLE_MS };
  const move = { system, nodes: inOrder(nodes, leader.node), before, since: asked, login, request, ...limits };
  const taken = await handOver(patroni, move, ctx);
  await sayOther(taken.node, to, ctx);
  const candidates = candidatesOf(members, before, { looks, views, system });
  const reason = to?.name === taken.node.name ? "asked for" : `Patroni chose ${taken.node.name}`;
  return recordHandover(deps, { system, taken, before, reason, candidates, asked }, ctx);
}

interface Switchable {
  readonly leader: NonNullable<ClusterState["leader"]>;
  /** Its name as a member; null: Patroni chooses. */
  readonly candidate: string | null;
  readonly members: ClusterState["members"];
}

/** Healthy first. Throws `PATRONI_NO_LEADER`, `PATRONI_PAUSED`, `PATRONI_ALREADY_LEADER`, `PATRONI_NO_CANDIDATE`. Pure. */
function switchable(looks: readonly PatroniLook[], to: NodeSpec | null, system: SystemSnapshot): Switchable {
  const { leader, members, paused } = clusterState(looks, system);
  const own = looks.find(({ node }) => node.name === leader?.node.name);
  if (leader === null || (own !== undefined && !runsAsPrimary(own))) {
    throw new StepError("subject", "PATRONI_NO_LEADER", `the cluster has no leader that runs: ${said(looks)}`, {
      hint: "a switchover needs a healthy cluster; patroni/failover is for one that has lost its leader",
    });
  }
  if (leader.node.name === to?.name) {
    throw new StepError("permanent", "PATRONI_ALREADY_LEADER", `${to.name} is the leader already`, {
      hint: "name another node, or leave `to` out",
    });
  }
  if (paused && to === null) throw pausedError("a switchover needs `to`");
  return { leader, members, candidate: fitCandidate(looks, members, { leader, to, system }) };
}

export function pausedError(hint: string): StepError {
  return new StepError(
    "subject",
    "PATRONI_PAUSED",
    "Patroni is paused (maintenance mode): it does not choose a leader",
    {
      hint: `${hint}; \`patronictl resume\` ends the pause`,
    },
  );
}

function fitCandidate(
  looks: readonly PatroniLook[],
  members: ClusterState["members"],
  {
    leader,
    to,
    system,
  }: Pick<Switchable, "leader"> & { readonly to: NodeSpec | null; readonly system: SystemSnapshot },
): string | null {
  const others = members.filter((member) => member.name !== leader.member.name);
  const possible = to === null ? others : others.filter((member) => nodeOf(member, system)?.name === to.name);
  const faults = possible.map((member) => ({ member, unfit: unfitness(member, looks, system) }));
  const fit = faults.find(({ unfit }) => unfit === null);
  if (fit !== undefined) return to === null ? null : fit.member.name;
  const each = faults.map(({ member, unfit }) => `${member.name}: ${unfit}`).join("; ");
  const who = to === null ? "nobody can take over" : `${to.name} cannot take over`;
  throw new StepError(
    "subject",
    "PATRONI_NO_CANDIDATE",
    `${who} from ${leader.node.name}: ${each === "" ? "no such member" : each}`,
    {
      hint: "a switchover needs a replica that runs; look at `patronictl list`",
    },
  );
}

/** Patroni may take another one than it was asked for, when that one became unfit meanwhile. */
export async function sayOther(taken: NodeSpec, to: NodeSpec | null, ctx: StepContext): Promise<void> {
  if (to === null || to.name === taken.name) return;
  await ctx.deviation("PATRONI_OTHER_CANDIDATE", `${to.name} was asked for, and Patroni took ${taken.name}`);
}

/** Before it asks, the step makes sure that the newest fact of replication names the leader of then. */
async function reconcile(
  deps: PatroniDeps,
  system: SystemSnapshot,
  wish: Input,
  ctx: StepContext,
): Promise<Reconciliation<PromotedOutput>> {
  const looks = await lookAround(deps.patroni, patroniNodes(system), ctx);
  return tookOver(deps, { system, looks, to: wish.to ?? null }, ctx);
}
