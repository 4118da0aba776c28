import { z } from "zod";
import type { Promotion, ReplicationState } from "../../drills/facts.ts";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { nodeDatabase } from "../../drills/node-database.ts";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import type { MarkRecord } from "../../drills/run-event.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import { type Instant, instant } from "../../support/clock.ts";
import type { PromotedServer, Replication } from "../ports/replication.ts";
import type { Candidate } from "./choose-standby.ts";
import type { KnownPosition } from "./known-position.ts";
import { bytesBehind } from "./wal-distance.ts";

/** What promote and switchover give on. */
export const promotedOutput = z.object({
  node: z.string().describe("The new primary."),
  database: databaseRefSchema,
  timeline: z.int().describe("Timeline that began with the promotion."),
  lsn: z.string().describe("Where it began."),
});
export type PromotedOutput = z.input<typeof promotedOutput>;

export interface PromotionRecord {
  readonly node: NodeSpec;
  readonly reason: string;
  readonly candidates: readonly Candidate[];
  readonly known: KnownPosition | null;
  readonly fromTimeline: number;
  readonly server: PromotedServer;
}

/** The service first: whatever comes after, the report knows who the primary is. */
export async function recordPromotion(
  system: SystemSnapshot,
  { node, reason, candidates, known, fromTimeline, server }: PromotionRecord,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const database = nodeDatabase(system, node);
  await ctx.fact({ kind: "service", database, writable: true });
  const { asked, promoted, resolutionUs, timeline, lsn } = server;
  await ctx.fact({
    kind: "promotion",
    node: node.name,
    reason,
    candidates: candidates.map((candidate) => candidateFact(candidate, known)),
    knownLsn: known,
    fromTimeline,
    toTimeline: timeline,
    promotedLsn: lsn,
    asked,
    promoted,
    resolutionUs,
  });
  return { node: node.name, database, timeline, lsn };
}

function candidateFact({ view, unfit }: Candidate, known: KnownPosition | null): Promotion["candidates"][number] {
  if (view.kind !== "standby")
    return { node: view.node.name, receivedLsn: null, replayedLsn: null, timeline: null, lagBytes: null, unfit };
  const { node, receivedLsn, replayedLsn, timeline } = view;
  const lagBytes = bytesBehind(known?.lsn ?? null, receivedLsn);
  return { node: node.name, receivedLsn, replayedLsn, timeline, lagBytes, unfit };
}

const WRITE_TIMEOUT_MS = 1000;
const WRITE_WITHIN_MS = 60_000;

/**
 * T4 and T5 where no prober watches the clients' path: the first answer out of recovery, and the first write acknowledged.
 * Throws `PROMOTE_NO_WRITE`.
 */
export async function markService(
  replication: Replication,
  system: SystemSnapshot,
  { node, server }: Pick<PromotionRecord, "node" | "server">,
  ctx: StepContext,
): Promise<void> {
  if (ctx.traffic() !== null) return;
  const { promoted, resolutionUs } = server;
  await markOnce(ctx, "T4", promoted, resolutionUs, `${node.name} is out of recovery`);
  const written = await firstWrite(replication, system, node, ctx);
  await markOnce(ctx, "T5", written.at, written.at.monoUs - promoted.monoUs, `${node.name} acknowledged a commit`);
}

async function markOnce(
  ctx: StepContext,
  mark: MarkRecord["mark"],
  at: Instant,
  resolutionUs: number,
  note: string,
): Promise<void> {
  if (ctx.marks().some((known) => known.mark === mark)) return;
  await ctx.mark({ mark, ...at, source: "orchestrator", resolutionUs, note });
}

async function firstWrite(
  replication: Replication,
  system: SystemSnapshot,
  node: NodeSpec,
  { signal, clock }: StepContext,
): Promise<{ readonly at: Instant }> {
  const lastUs = clock.monoUs() + WRITE_WITHIN_MS * 1000;
  for (;;) {
    const answer = await replication.tryWrite(system, node, WRITE_TIMEOUT_MS, signal);
    if (answer.kind === "acknowledged") return { at: instant(clock) };
    if (clock.monoUs() < lastUs) continue;
    throw new StepError(
      "subject",
      "PROMOTE_NO_WRITE",
      `${node.name} is the primary and takes no write: ${answer.reason}`,
      {
        hint: "does it wait for synchronous standbys that do not follow it?",
      },
    );
  }
}

/** What the world shows after a crash: a standby of then is the primary of a newer timeline now. */
export function becamePrimary(name: string, timeline: number, before: ReplicationState): boolean {
  return name !== before.primary && timeline > (before.timeline ?? Number.MAX_SAFE_INTEGER);
}
