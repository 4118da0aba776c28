import type { Resource, RunEvent } from "../drills/run-event.ts";
import { StepError } from "../drills/step-error.ts";
import { removeResource } from "./clean-up.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { outstandingResources, type RunMemory } from "./run-memory.ts";
import type { LedgerRemoval } from "./step-contract.ts";

export interface EarlyRemoval {
  /** The step that planned it. */
  readonly step: string;
  readonly kind: Resource["kind"];
  readonly signal: AbortSignal;
}

/**
 * See `Ledger.remove`. What is proven gone is on record as in the cleanup, which then passes it over; a failure is not, as
 * the cleanup is still to come.
 */
export async function removeEarly(
  { step, kind, signal }: EarlyRemoval,
  memory: RunMemory,
  record: (event: RunEvent) => Promise<void>,
  deps: EngineDeps,
): Promise<LedgerRemoval> {
  const theirs = (resource: Resource): boolean => resource.step === step && resource.kind === kind;
  if (![...memory.ledger.values()].some((entry) => theirs(entry.resource))) return { kind: "nothing" };
  const keeper = deps.keepers.find((one) => one.kind === kind);
  const proofs: string[] = [];
  for (const resource of outstandingResources(memory).filter((one) => theirs(one))) {
    if (keeper === undefined) throw notRemoved(resource, `nothing here can remove a ${kind}`);
    const removed = await removeResource(keeper, resource.locator, signal, deps, resource.id);
    signal.throwIfAborted();
    if (removed.kind === "leftover") throw notRemoved(resource, removed.reason);
    await record({ type: "resource.destroyed", data: { id: resource.id, verifiedBy: removed.how } });
    proofs.push(removed.how);
  }
  return { kind: "gone", proofs };
}

function notRemoved({ title }: Resource, reason: string): StepError {
  return new StepError("permanent", "NOT_REMOVED", `${title} could not be undone: ${reason}`, {
    hint: "the cleanup of the run tries again",
  });
}
