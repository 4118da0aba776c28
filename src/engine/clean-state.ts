/**
 * Finishes what dead orchestrators left, and removes what nobody owns.
 *
 * Owns: which runs and which resources are nobody's. Does not: know how a resource is removed (its keeper does).
 *
 * Invariants
 *  X1  A run whose lock is held is left alone, and so is everything that belongs to it: asked again right before a removal, and
 *      the lock is kept during it, as a run may begin or be taken over at any time.
 *  X2  A run that a dead orchestrator left is halted and cleaned up from its own ledger, on its own record.
 *  X3  Only what bears this installation's id is looked for: keepers list by it.
 *  X4  What has a living owner stays, whatever else is known of it.
 *  X5  What an ended run left behind is tried again, from its own ledger. One whose last records say that nothing was left is
 *      not read.
 *  X6  Several at a time: what does not go away holds up no other.
 */
import { existsSync } from "node:fs";
import { FiredrillError } from "../support/errors.ts";
import { isRunId } from "../support/ids.ts";
import { inLanes } from "../support/in-lanes.ts";
import { type CleanedResource, type CleanedRun, cleanRun } from "./clean-run.ts";
import { removeResource } from "./clean-up.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { journalEnd } from "./journal-end.ts";
import { lanesOf } from "./run-lanes.ts";
import { journalPath, resultPath, runIds } from "./state/run-directory.ts";
import { tryLockRun } from "./state/run-owner.ts";
import { removeStale } from "./state/stale-files.ts";
import { runDir } from "./state/state-directory.ts";
import type { FoundResource, ResourceKeeper } from "./step-contract.ts";
import { stepFailure } from "./step-failure.ts";

export interface CleanReport {
  readonly runs: readonly CleanedRun[];
  readonly resources: readonly CleanedResource[];
  /** Whether nothing is left that a later `clean` would have to do. */
  readonly clean: boolean;
}

/** Runs, and resources that no run's ledger knows, that are worked on at a time. */
const AT_A_TIME = 8;

export async function cleanState(deps: EngineDeps, signal: AbortSignal): Promise<CleanReport> {
  const runs: CleanedRun[] = [];
  const resources: CleanedResource[] = [];
  await removeStale([deps.state.root], deps.clock.wallUs());
  const ids = (await runIds(deps.state.root)).toReversed();
  const work = ids.filter((runId) => !nothingLeft(runId, deps.state.root)); // X5
  await inLanes(await lanesOf(deps.state.root, work), AT_A_TIME, signal, async (runId) => {
    const cleaned = await cleanRun(runId, deps, signal);
    if (cleaned.run !== null) runs.push(cleaned.run);
    resources.push(...cleaned.resources);
  });
  const { found, failures } = await listAll(deps, signal);
  const alone = found.map((one) => [one]);
  await inLanes(alone, AT_A_TIME, signal, async (one) => void resources.push(await sweep(one, deps, signal)));
  for (const failure of failures) throw failure;
  const clean = runs.every(isDone) && resources.every((resource) => resource.kind !== "leftover");
  return { runs: runs.toSorted(byId), resources, clean };
}

function byId(a: CleanedRun, b: CleanedRun): number {
  return a.runId.localeCompare(b.runId, "en");
}

function nothingLeft(runId: string, root: string): boolean {
  const dir = runDir(root, runId);
  const end = journalEnd(journalPath(dir), runId);
  return end.kind === "ended" && end.leftovers === 0 && existsSync(resultPath(dir));
}

function isDone(run: CleanedRun): boolean {
  return run.kind === "removed" || run.kind === "running" || (run.kind === "finished" && run.leftovers === 0);
}

/** Its run may have begun, or been taken over, since it was listed (X1). */
async function sweep(one: Listed, deps: EngineDeps, signal: AbortSignal): Promise<CleanedResource> {
  const { found, keeper } = one;
  const what = { resource: keeper.kind, run: found.run, title: found.title, locator: found.locator };
  if (found.ownerAlive) return { ...what, kind: "kept", reason: "its owner is alive" }; // X4
  using run = tryKeepOut(found.run, deps);
  if (run === null) return { ...what, kind: "kept", reason: "its run is owned" }; // X1
  const removed = await removeResource(keeper, found.locator, signal, deps, found.title);
  if (removed.kind === "gone") return { ...what, kind: "destroyed", verifiedBy: removed.how };
  return { ...what, kind: "leftover", reason: removed.reason };
}

/** Keeps everybody from going on with the run; null when somebody does. A run that is not here has nobody. */
function tryKeepOut(runId: string, { state }: EngineDeps): Disposable | null {
  const nobody = { [Symbol.dispose]: () => undefined };
  if (!isRunId(runId)) return nobody;
  const dir = runDir(state.root, runId);
  return existsSync(dir) ? tryLockRun(dir) : nobody;
}

interface Listed {
  readonly keeper: ResourceKeeper;
  readonly found: FoundResource;
}

/** X3. Each kind for itself: one that cannot be listed keeps no other from being removed. */
async function listAll(
  deps: EngineDeps,
  signal: AbortSignal,
): Promise<{ readonly found: readonly Listed[]; readonly failures: readonly FiredrillError[] }> {
  const lists = await Promise.allSettled(
    deps.keepers.map(async (keeper) => {
      const found = await keeper.list(deps.state.installation, signal);
      return found.map((one) => ({ keeper, found: one }));
    }),
  );
  const found = lists.flatMap((list) => (list.status === "fulfilled" ? list.value : []));
  const failures = lists.flatMap((list, index) =>
    list.status === "rejected" ? [notListed(deps.keepers[index]?.kind ?? "?", list.reason, deps)] : [],
  );
  return { found, failures };
}

function notListed(kind: string, cause: unknown, deps: EngineDeps): FiredrillError {
  return new FiredrillError(
    "CLEAN_LIST",
    `What is left of kind ${kind} could not be listed: ${stepFailure(cause, deps.redactor).message}`,
    { cause, hint: "Nothing of this kind was removed by this call; try again when the cause is gone." },
  );
}
