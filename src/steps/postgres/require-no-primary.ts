import type { SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { NodeView, Replication, WriteAnswer } from "../ports/replication.ts";

/**
 * Throws `PROMOTE_TWO_PRIMARIES` unless every node that answers as a primary refuses a write. One that gives no answer to a
 * write may still take it later.
 */
export async function requireNoPrimary(
  replication: Replication,
  system: SystemSnapshot,
  views: readonly NodeView[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  for (const view of views) {
    if (view.kind !== "primary") continue;
    const answer = await replication
      .tryWrite(system, view.node, timeoutMs, signal)
      .catch((error: unknown) => inDoubt(error, signal));
    if (answer.kind !== "refused") throw twoPrimaries(view.node.name, answer);
  }
}

/** A full disk, no connection left: it may take the writes of others, or those of a minute later. */
function inDoubt(error: unknown, signal: AbortSignal): WriteAnswer {
  signal.throwIfAborted();
  return { kind: "no_answer", reason: error instanceof Error ? error.message : String(error), lasting: false };
}

function twoPrimaries(name: string, answer: WriteAnswer): StepError {
  const what = answer.kind === "acknowledged" ? "takes writes" : "answers as a primary, and does not refuse writes";
  return new StepError(
    "permanent",
    "PROMOTE_TWO_PRIMARIES",
    `${name} still ${what}: a second primary would divide the data`,
    {
      hint: "fence it first: postgres/fence",
    },
  );
}
