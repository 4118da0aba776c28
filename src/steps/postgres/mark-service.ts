import { setTimeout as delay } from "node:timers/promises";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import type { MarkRecord } from "../../drills/run-event.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import { type Instant, instant } from "../../support/clock.ts";
import type { PromotedServer, Replication } from "../ports/replication.ts";

/** What became of the first write; a union, as it is awaited later than it may fail. */
export type FirstWrite =
  | { readonly kind: "not_asked" }
  | { readonly kind: "acknowledged"; readonly at: Instant }
  | { readonly kind: "failed"; readonly error: unknown };

/** Long: a backend that waits for a synchronous standby keeps its place after we have given up, and places are few. */
const WRITE_TIMEOUT_MS = 10_000;
const WRITE_WITHIN_MS = 60_000;
const BETWEEN_MS = 5;

/** Begins to write at once, before anything is recorded, where no prober watches the clients' path. Never rejects. */
export async function firstWrite(
  replication: Replication,
  system: SystemSnapshot,
  node: NodeSpec,
  ctx: StepContext,
): Promise<FirstWrite> {
  if (ctx.traffic() !== null) return { kind: "not_asked" };
  try {
    return { kind: "acknowledged", at: await untilAcknowledged(replication, system, node, ctx) };
  } catch (error) {
    return { kind: "failed", error };
  }
}

async function untilAcknowledged(
  replication: Replication,
  system: SystemSnapshot,
  node: NodeSpec,
  { signal, clock }: StepContext,
): Promise<Instant> {
  const lastUs = clock.monoUs() + WRITE_WITHIN_MS * 1000;
  for (;;) {
    const answer = await replication.tryWrite(system, node, WRITE_TIMEOUT_MS, signal);
    if (answer.kind === "acknowledged") return instant(clock);
    if (clock.monoUs() > lastUs) throw noWrite(node, answer.reason);
    await delay(BETWEEN_MS, undefined, { signal });
  }
}

function noWrite({ name }: NodeSpec, reason: string): StepError {
  return new StepError("subject", "PROMOTE_NO_WRITE", `${name} is the primary and takes no write: ${reason}`, {
    hint: "does it wait for synchronous standbys that do not follow it?",
  });
}

/** T4 and T5: the first answer out of recovery, and the first write acknowledged. Throws `PROMOTE_NO_WRITE`. */
export async function markPromoted(
  { name }: NodeSpec,
  { promoted, resolutionUs }: PromotedServer,
  write: FirstWrite,
  ctx: StepContext,
): Promise<void> {
  if (write.kind === "not_asked") return;
  await markOnce(ctx, "T4", promoted, resolutionUs, `${name} is out of recovery`);
  if (write.kind === "failed") throw write.error;
  const sinceUs = write.at.monoUs - promoted.monoUs;
  await markOnce(ctx, "T5", write.at, sinceUs, `${name} acknowledged a commit`);
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
