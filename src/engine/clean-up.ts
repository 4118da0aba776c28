/**
 * Removes what a run made, from its ledger and from nothing else.
 *
 * Owns: the order of removal, the deadline of each resource and of the whole, and the proof that a thing is gone.
 * Does not: know what a resource is (its keeper does), or when cleanup begins (the drill chart).
 *
 * Invariants
 *  K1  Last planned, first removed: what stands on something goes before it.
 *  K2  A resource counts as gone only when its keeper has asked the world, also when it was planned and never created.
 *  K3  Every resource ends as `destroyed` or `leftover`; none is passed over, also at the deadline.
 *  K4  One resource that cannot be removed keeps no other from being removed.
 */
import type { Resource, RunEvent } from "../drills/run-event.ts";
import type { CrashPoint, EngineDeps } from "./engine-deps.ts";
import { limitsOf } from "./engine-deps.ts";
import type { ResourceKeeper } from "./step-contract.ts";
import { stepFailure } from "./step-failure.ts";

export interface CleanUp {
  readonly resources: readonly Resource[];
  readonly deadlineMonoUs: number;
  /** Resolves when the record is durable. */
  record(event: RunEvent): Promise<void>;
}

export type CleanUpEnd =
  | { readonly kind: "finished"; readonly leftovers: number }
  | { readonly kind: "deadline_passed" };

export async function cleanUp(work: CleanUp, deps: EngineDeps): Promise<CleanUpEnd> {
  const overall = new AbortController();
  const disarm = deps.timers.at(work.deadlineMonoUs, () => overall.abort(new Error("the time for cleanup is over")));
  let leftovers = 0;
  try {
    // K1: given in the order of removal.
    for (const resource of work.resources) {
      const removed = await removeWithin(resource, overall.signal, deps);
      if (removed.kind === "leftover") leftovers += 1;
      await work.record(toRecord(resource, removed)); // K3
    }
  } finally {
    disarm();
  }
  return overall.signal.aborted ? { kind: "deadline_passed" } : { kind: "finished", leftovers };
}

export type Removed =
  | { readonly kind: "gone"; readonly how: string }
  | { readonly kind: "leftover"; readonly reason: string };

/** Never rejects (K4). */
async function removeWithin(resource: Resource, overall: AbortSignal, deps: EngineDeps): Promise<Removed> {
  const keeper = deps.keepers.find((one) => one.kind === resource.kind);
  if (keeper === undefined) return { kind: "leftover", reason: `nothing here can remove a ${resource.kind}` };
  return removeResource(keeper, resource.locator, overall, deps, resource.id);
}

/** Destroys and proves gone, within the time one resource may take. Never rejects. */
export async function removeResource(
  keeper: ResourceKeeper,
  locator: Resource["locator"],
  overall: AbortSignal,
  deps: EngineDeps,
  about: string,
): Promise<Removed> {
  if (overall.aborted) return { kind: "leftover", reason: "the time for cleanup was over before its turn" };
  const { resourceMs } = limitsOf(deps);
  const own = new AbortController();
  const disarm = deps.timers.at(deps.clock.monoUs() + resourceMs * 1000, () =>
    own.abort(new Error(`it was not gone within ${resourceMs} ms`)),
  );
  const signal = AbortSignal.any([overall, own.signal]);
  try {
    return await orAborted(destroyAndVerify(keeper, locator, signal, deps.crashPoint, about), signal);
  } catch (error) {
    return { kind: "leftover", reason: stepFailure(error, deps.redactor).message };
  } finally {
    disarm();
  }
}

async function destroyAndVerify(
  keeper: ResourceKeeper,
  locator: Resource["locator"],
  signal: AbortSignal,
  crashPoint: CrashPoint | undefined,
  about: string,
): Promise<Removed> {
  crashPoint?.("before-effect", `destroy ${about}`);
  await keeper.destroy(locator, signal);
  crashPoint?.("after-effect", `destroy ${about}`);
  const { gone, how } = await keeper.verifyGone(locator, signal); // K2
  return gone ? { kind: "gone", how } : { kind: "leftover", reason: how };
}

/** A keeper that does not heed its signal must not hold up the others. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
  signal.addEventListener("abort", onAbort, { once: true });
  // When the abort wins nobody waits for the work any more, and the other way round.
  work.catch(() => {});
  aborted.promise.catch(() => {});
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function toRecord(resource: Resource, removed: Removed): RunEvent {
  return removed.kind === "gone"
    ? { type: "resource.destroyed", data: { id: resource.id, verifiedBy: removed.how } }
    : { type: "resource.leftover", data: { id: resource.id, reason: removed.reason } };
}
