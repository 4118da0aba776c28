/**
 * Finishes what dead orchestrators left, and removes what nobody owns.
 *
 * Owns: which runs and which resources are nobody's. Does not: know how a resource is removed (its keeper does).
 *
 * Invariants
 *  X1  A run whose lock is held is left alone, and so is everything that belongs to it.
 *  X2  A run that a dead orchestrator left is halted and cleaned up from its own ledger, on its own record.
 *  X3  Only what bears this installation's id is looked for: keepers list by it.
 *  X4  What has a living owner stays, whatever else is known of it.
 *  X5  What an ended run left behind is tried again, from its own ledger.
 */
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { measure } from "../drills/measure.ts";
import { writeJsonAtomic } from "../support/atomic-file.ts";
import { FiredrillError } from "../support/errors.ts";
import { cleanLeftovers } from "./clean-leftovers.ts";
import { removeResource } from "./clean-up.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { recorded } from "./journal/journal-record.ts";
import { readJournalToAct } from "./journal/quarantine.ts";
import { takeOver } from "./resume-run.ts";
import { emptyMemory, outstandingResources, remember } from "./run-memory.ts";
import type { HeldLock } from "./state/exclusive-lock.ts";
import { journalPath, readPlan, resultPath, runIds } from "./state/run-directory.ts";
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

export type CleanedRun =
  /** Halted and cleaned up by us. */
  | { readonly kind: "finished"; readonly runId: string; readonly leftovers: number }
  /** It never began: its folder was removed. */
  | { readonly kind: "removed"; readonly runId: string }
  | { readonly kind: "running"; readonly runId: string }
  | { readonly kind: "failed"; readonly runId: string; readonly code: string; readonly message: string };

export type CleanedResource = Pick<FoundResource, "run" | "title" | "locator"> & {
  readonly resource: ResourceKeeper["kind"];
} & (
    | { readonly kind: "destroyed"; readonly verifiedBy: string }
    | { readonly kind: "leftover"; readonly reason: string }
    | { readonly kind: "kept"; readonly reason: string }
  );

export async function cleanState(deps: EngineDeps, signal: AbortSignal): Promise<CleanReport> {
  const runs: CleanedRun[] = [];
  const resources: CleanedResource[] = [];
  await removeStale([deps.state.root], deps.clock.wallUs());
  for (const runId of (await runIds(deps.state.root)).toReversed()) {
    if (signal.aborted) break;
    const cleaned = await cleanRun(runId, deps, signal);
    if (cleaned.run !== null) runs.push(cleaned.run);
    resources.push(...cleaned.resources);
  }
  const live = new Set(runs.filter((run) => run.kind === "running").map((run) => run.runId)); // X1
  for (const keeper of deps.keepers) resources.push(...(await sweep(keeper, live, deps, signal)));
  const clean = runs.every(isDone) && resources.every((resource) => resource.kind !== "leftover");
  return { runs, resources, clean };
}

function isDone(run: CleanedRun): boolean {
  return run.kind === "removed" || run.kind === "running" || (run.kind === "finished" && run.leftovers === 0);
}

interface Cleaned {
  /** Null: it has ended before. */
  readonly run: CleanedRun | null;
  readonly resources: readonly CleanedResource[];
}

async function cleanRun(runId: string, deps: EngineDeps, signal: AbortSignal): Promise<Cleaned> {
  const dir = runDir(deps.state.root, runId);
  try {
    const lock = tryLockRun(dir);
    if (lock === null) return { run: { kind: "running", runId }, resources: [] }; // X1
    const run = await cleanLocked(runId, dir, lock, deps);
    await removeStale([dir], deps.clock.wallUs());
    return { run, resources: run === null ? await triedAgain(runId, dir, deps, signal) : [] };
  } catch (error) {
    const { code, message } = stepFailure(error, deps.redactor);
    return { run: { kind: "failed", runId, code, message }, resources: [] };
  }
}

/** X5. Its lock is free by now: nobody continues a run that has ended. */
async function triedAgain(
  runId: string,
  dir: string,
  deps: EngineDeps,
  signal: AbortSignal,
): Promise<readonly CleanedResource[]> {
  const memory = emptyMemory();
  for (const record of (await readJournalToAct(journalPath(dir))).records) remember(memory, recorded(record));
  const open = outstandingResources(memory);
  if (open.length === 0) return [];
  const tried = await cleanLeftovers(dir, await readPlan(dir), open, deps, signal);
  return tried.map(({ resource: { kind: resource, title, locator }, removed }) => {
    const what = { resource, run: runId, title, locator };
    if (removed.kind === "gone") return { ...what, kind: "destroyed", verifiedBy: removed.how };
    return { ...what, kind: "leftover", reason: removed.reason };
  });
}

/** Null: there is nothing to do. */
async function cleanLocked(runId: string, dir: string, lock: HeldLock, deps: EngineDeps): Promise<CleanedRun | null> {
  // Released here only when it is not handed to the take-over, which releases it itself.
  let ours: HeldLock | null = lock;
  try {
    const progress = await progressOf(dir, deps);
    switch (progress) {
      case "finished":
        return null;
      case "beginning":
        return { kind: "running", runId };
      case "never_began":
        await rm(dir, { recursive: true, force: true });
        return { kind: "removed", runId };
      case "unfinished":
        ours = null;
        return await haltAndFinish(runId, dir, lock, deps); // X2
      default:
        return progress satisfies never;
    }
  } finally {
    ours?.[Symbol.dispose]();
  }
}

async function haltAndFinish(runId: string, dir: string, lock: HeldLock, deps: EngineDeps): Promise<CleanedRun> {
  const halt = {
    by: "recovery",
    reason: "its orchestrator died; `clean` finishes the run",
    who: deps.orchestrator.user,
  } as const;
  const handle = await takeOver({ runId, dir, lock, halt }, deps);
  const { result } = await handle.outcome;
  return {
    kind: "finished",
    runId,
    leftovers: result.cleanup.resources.filter((resource) => resource.state !== "destroyed").length,
  };
}

/** A folder without a record may be a run that is being made this moment: it has its lock a little later. */
const BEGINNING_MS = 60_000;

async function progressOf(
  dir: string,
  deps: EngineDeps,
): Promise<"finished" | "unfinished" | "beginning" | "never_began"> {
  const hasJournal = existsSync(journalPath(dir));
  const journal = await readJournalToAct(journalPath(dir));
  if (journal.records.length === 0) {
    const { ctimeMs } = await stat(dir);
    return deps.clock.wallUs() / 1000 - ctimeMs < BEGINNING_MS && !hasJournal ? "beginning" : "never_began";
  }
  if (!journal.records.some((record) => record.type === "run.finished")) return "unfinished";
  if (!existsSync(resultPath(dir))) {
    await writeJsonAtomic(
      resultPath(dir),
      measure(
        await readPlan(dir),
        journal.records.map((record) => recorded(record)),
      ),
    );
  }
  return "finished";
}

async function sweep(
  keeper: ResourceKeeper,
  live: ReadonlySet<string>,
  deps: EngineDeps,
  signal: AbortSignal,
): Promise<readonly CleanedResource[]> {
  const swept: CleanedResource[] = [];
  for (const found of await listed(keeper, deps, signal)) {
    const what = { resource: keeper.kind, run: found.run, title: found.title, locator: found.locator };
    if (found.ownerAlive || live.has(found.run)) {
      swept.push({ ...what, kind: "kept", reason: "its owner is alive" }); // X4
      continue;
    }
    const removed = await removeResource(keeper, found.locator, signal, deps, found.title);
    if (removed.kind === "gone") swept.push({ ...what, kind: "destroyed", verifiedBy: removed.how });
    else swept.push({ ...what, kind: "leftover", reason: removed.reason });
  }
  return swept;
}

async function listed(
  keeper: ResourceKeeper,
  deps: EngineDeps,
  signal: AbortSignal,
): Promise<readonly FoundResource[]> {
  try {
    return await keeper.list(deps.state.installation, signal); // X3
  } catch (error) {
    throw new FiredrillError(
      "CLEAN_LIST",
      `What is left of kind ${keeper.kind} could not be listed: ${stepFailure(error, deps.redactor).message}`,
      {
        cause: error,
        hint: "Nothing of this kind was removed by this call; try again when the cause is gone.",
      },
    );
  }
}
