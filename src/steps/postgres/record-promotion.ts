import { z } from "zod";
import type { Promotion, ReplicationState } from "../../drills/facts.ts";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { nodeDatabase } from "../../drills/node-database.ts";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import type { PromotedServer, Replication } from "../ports/replication.ts";
import type { Candidate } from "./choose-standby.ts";
import type { KnownPosition } from "./known-position.ts";
import { firstWrite, markPromoted } from "./mark-service.ts";
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

/**
 * The service first: whatever comes after, the report knows who the primary is. A promotion that an interrupted attempt has put on
 * record is not recorded again: that one saw it happen, and who asks afterwards sees only that it has.
 */
export async function recordPromotion(
  system: SystemSnapshot,
  { node, reason, candidates, known, fromTimeline, server }: PromotionRecord,
  ctx: StepContext,
): Promise<PromotedOutput> {
  const database = nodeDatabase(system, node);
  const written = ctx.promotion();
  if (written?.node === node.name && written.toTimeline === server.timeline)
    return { node: node.name, database, timeline: written.toTimeline, lsn: written.promotedLsn };
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

/** T4 and T5 where no prober watches the clients' path, by a write that begins now. Throws `PROMOTE_NO_WRITE`. */
export async function markService(
  replication: Replication,
  system: SystemSnapshot,
  { node, server }: Pick<PromotionRecord, "node" | "server">,
  ctx: StepContext,
): Promise<void> {
  await markPromoted(node, server, await firstWrite(replication, system, node, ctx), ctx);
}

/** What the world shows after a crash: a standby of then is the primary of a newer timeline now. */
export function becamePrimary(name: string, timeline: number, before: ReplicationState): boolean {
  return name !== before.primary && timeline > (before.timeline ?? Number.MAX_SAFE_INTEGER);
}
