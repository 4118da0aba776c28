import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import { type Instant, instant } from "../../support/clock.ts";
import type { PatroniLook, PatroniMember } from "../ports/patroni.ts";
import type { NodeView, PrimaryView, Replication, WriteAnswer } from "../ports/replication.ts";
import type { Candidate } from "../postgres/choose-standby.ts";
import { knownPosition } from "../postgres/known-position.ts";
import { markService, type PromotedOutput, recordPromotion } from "../postgres/record-promotion.ts";
import { unfitness } from "./cluster-state.ts";
import { OBSERVE_MS, type PatroniDeps } from "./input.ts";
import { nodeOf } from "./members.ts";
import type { Taken } from "./watch-leader.ts";

export interface HandoverRecord {
  readonly system: SystemSnapshot;
  readonly taken: Taken;
  /** Name of the leader before. */
  readonly before: string;
  readonly reason: string;
  readonly candidates: readonly Candidate[];
  readonly asked: Instant;
}

/** Facts, marks and outputs of a change of the leader, whoever caused it. Throws `PATRONI_LEADER_SILENT`, `PATRONI_TWO_PRIMARIES`. */
export async function recordHandover(
  deps: PatroniDeps,
  { system, taken, before, reason, candidates, asked }: HandoverRecord,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const { replication, traffic } = deps;
  const [view, known] = await Promise.all([
    leaderView(replication, system, taken.node, ctx),
    knownPosition(traffic, ctx),
  ]);
  const { at: promoted, resolutionUs } = taken;
  const server = { asked, promoted, resolutionUs, timeline: view.timeline, lsn: view.beganLsn ?? view.lsn };
  const fromTimeline = ctx.replication()?.timeline ?? view.timeline - 1;
  const record = { node: taken.node, reason, candidates, known, fromTimeline, server };
  const outputs = await recordPromotion(system, record, ctx);
  await markService(replication, system, record, ctx);
  await proveOldAway(replication, system, before, ctx);
  return outputs;
}

async function leaderView(
  replication: Replication,
  system: SystemSnapshot,
  node: NodeSpec,
  { signal }: StepContext,
): Promise<PrimaryView> {
  const [view] = await replication.observe(system, [node], { timeoutMs: OBSERVE_MS, signal });
  if (view?.kind === "primary") return view;
  const said = view?.kind === "unreachable" ? `does not answer us: ${view.reason}` : "says that it is a standby";
  throw new StepError(
    "subject",
    "PATRONI_LEADER_SILENT",
    `Patroni says that ${node.name} runs as the leader, and its server ${said}`,
    {
      hint: "are host, port and credentials of the node in the inventory right?",
    },
  );
}

/**
 * That nobody but the leader takes writes is Patroni's work (the leader's key); here it is asked once. An answer that proves
 * neither is no proof, and none is recorded.
 */
async function proveOldAway(
  replication: Replication,
  system: SystemSnapshot,
  before: string,
  ctx: StepContext,
): Promise<void> {
  const old = system.nodes.find(({ name }) => name === before);
  if (old === undefined) return;
  const answer = await replication.tryWrite(system, old, OBSERVE_MS, ctx.signal).catch((error: unknown) => {
    if (!(error instanceof StepError)) throw error;
    ctx.log.warn({ node: before, reason: error.message }, "patroni.old_leader_not_proven");
    return null;
  });
  if (answer === null || (answer.kind === "no_answer" && !answer.lasting)) return;
  const at = instant(ctx.clock);
  await ctx.fact({ kind: "fencing", node: before, at, ...proofOf(old, answer) });
}

function proofOf(old: NodeSpec, answer: WriteAnswer) {
  switch (answer.kind) {
    case "refused":
      return {
        how: "command",
        proofs: ["Patroni took the leader's key from it", `a write was refused: ${answer.reason}`],
      } as const;
    case "no_answer":
      return { how: "unreachable", proofs: [`a write got no answer: ${answer.reason}`] } as const;
    case "acknowledged":
      throw new StepError(
        "subject",
        "PATRONI_TWO_PRIMARIES",
        `${old.name} is not the leader any more and still acknowledges a write`,
        {
          hint: "stop it at once: postgres/fence; then see why its Patroni did not (a watchdog would have)",
        },
      );
    default:
      return answer satisfies never;
  }
}

/** Everybody but the old leader, with what its server said before and why Patroni could not take it. */
export function candidatesOf(
  members: readonly PatroniMember[],
  before: string,
  {
    looks,
    views,
    system,
  }: { readonly looks: readonly PatroniLook[]; readonly views: readonly NodeView[]; readonly system: SystemSnapshot },
): readonly Candidate[] {
  return members.flatMap((member) => {
    const name = nodeOf(member, system)?.name;
    const view = name === before ? undefined : views.find(({ node }) => node.name === name);
    return view === undefined ? [] : [{ view, unfit: unfitness(member, looks, system) }];
  });
}
