/** One run for `clean`: what a dead orchestrator left is halted and finished, what an ended one left is tried again. X1 to X5: clean-state.ts. */
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { measure } from "../drills/measure.ts";
import { syncFile, writeJsonAtomic } from "../support/atomic-file.ts";
import { cleanLeftovers } from "./clean-leftovers.ts";
import type { Halt, RunHandle } from "./drive-run.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { recorded } from "./journal/journal-record.ts";
import { readJournalToAct } from "./journal/quarantine.ts";
import { takeOver } from "./resume-run.ts";
import { emptyMemory, outstandingResources, remember } from "./run-memory.ts";
import { journalPath, readPlan, resultPath } from "./state/run-directory.ts";
import { tryLockGate, tryLockRun } from "./state/run-owner.ts";
import { removeStale } from "./state/stale-files.ts";
import { runDir } from "./state/state-directory.ts";
import type { FoundResource, ResourceKeeper } from "./step-contract.ts";
import { stepFailure } from "./step-failure.ts";

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

export interface Cleaned {
  /** Null: it has ended before. */
  readonly run: CleanedRun | null;
  readonly resources: readonly CleanedResource[];
}

/** Never rejects. */
export async function cleanRun(runId: string, deps: EngineDeps, signal: AbortSignal): Promise<Cleaned> {
  const dir = runDir(deps.state.root, runId);
  try {
    const run = await cleanUnlessOwned(runId, dir, deps);
    if (run?.kind === "running") return { run, resources: [] };
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

/** Null: it has ended before. */
async function cleanUnlessOwned(runId: string, dir: string, deps: EngineDeps): Promise<CleanedRun | null> {
  // Not even its lock is touched: whoever makes it takes that in a moment.
  if (await isBeginning(dir, deps)) return { kind: "running", runId };
  const handle = await takenOver(runId, dir, deps);
  if (!("outcome" in handle)) return handle.run;
  const { result } = await handle.outcome;
  const left = result.cleanup.resources.filter((resource) => resource.state !== "destroyed");
  return { kind: "finished", runId, leftovers: left.length };
}

/** The gate is held while the run is looked at and taken over; its end is waited for without it. */
async function takenOver(
  runId: string,
  dir: string,
  deps: EngineDeps,
): Promise<RunHandle | { readonly run: CleanedRun | null }> {
  using gate = tryLockGate(dir);
  const lock = gate === null ? null : tryLockRun(dir);
  if (lock === null) return { run: { kind: "running", runId } }; // X1
  using kept = new DisposableStack();
  kept.use(lock);
  const progress = await progressOf(dir);
  switch (progress) {
    case "finished":
      return { run: null };
    case "never_began":
      await rm(dir, { recursive: true, force: true });
      return { run: { kind: "removed", runId } };
    case "unfinished":
      kept.move();
      return await takeOver({ runId, dir, lock, halt: haltFor(deps), seizure: null }, deps); // X2
    default:
      return progress satisfies never;
  }
}

function haltFor({ orchestrator }: EngineDeps): Halt {
  return { by: "recovery", reason: "its orchestrator died; `clean` finishes the run", who: orchestrator.user };
}

/** A folder without a record may be a run that is being made this moment: it has its lock a little later. */
const BEGINNING_MS = 60_000;

async function isBeginning(dir: string, { clock }: EngineDeps): Promise<boolean> {
  if (existsSync(journalPath(dir))) return false;
  // Throws where a journal is known to have been.
  await readJournalToAct(journalPath(dir));
  // Its birth: looking at its locks changes a folder's other times.
  return clock.wallUs() / 1000 - (await stat(dir)).birthtimeMs < BEGINNING_MS;
}

async function progressOf(dir: string): Promise<"finished" | "unfinished" | "never_began"> {
  const journal = await readJournalToAct(journalPath(dir));
  if (journal.records.length === 0) return "never_began";
  if (!journal.records.some((record) => record.type === "run.finished")) return "unfinished";
  if (!existsSync(resultPath(dir))) {
    const records = journal.records.map((record) => recorded(record));
    // Its writer may have been killed before its sync: a result must not outlive the end it tells of.
    await syncFile(journalPath(dir));
    await writeJsonAtomic(resultPath(dir), measure(await readPlan(dir), records));
  }
  return "finished";
}
