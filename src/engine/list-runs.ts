import { measure } from "../drills/measure.ts";
import type { Plan } from "../drills/plan.ts";
import type { RunResult } from "../drills/result.ts";
import type { Recorded } from "../drills/run-event.ts";
import { type JournalContent, readJournal } from "./journal/journal-reader.ts";
import { recorded } from "./journal/journal-record.ts";
import { journalEnd } from "./journal-end.ts";
import { goneSince } from "./clean-leftovers.ts";
import { emptyMemory, outstandingResources, remember } from "./run-memory.ts";
import { existingRunDir, journalPath, readPlan, runIds } from "./state/run-directory.ts";
import { ownerAlive, readOwner, type RunOwner } from "./state/run-owner.ts";
import { FiredrillError } from "../support/errors.ts";
import type { JsonObject } from "../support/json.ts";
import { isStopped } from "../support/process-identity.ts";

/** `crashed`: its orchestrator died before the end; `damaged`: its journal or plan cannot be read. */
export type RunStatus = "running" | "crashed" | "finished" | "damaged";

export interface RunSummary {
  readonly runId: string;
  readonly dir: string;
  readonly status: RunStatus;
  /** Null where the plan cannot be read. */
  readonly name: string | null;
  readonly title: string | null;
  readonly system: string | null;
  readonly startedWallUs: number | null;
  /** Of the last record. */
  readonly lastWallUs: number | null;
  readonly result: string | null;
  readonly exitCode: number | null;
  readonly owner: RunOwner | null;
  /** Its orchestrator lives and stands still (SIGSTOP). */
  readonly ownerStopped: boolean;
  /** Planned or created and not yet verified gone, by the run or by a later `clean`. */
  readonly resources: readonly { readonly kind: string; readonly title: string; readonly locator: JsonObject }[];
  /** Why it is `damaged`. */
  readonly problem: string | null;
}

/** Runs that are not finished or left something behind, newest first. The others are not read (journal-end.ts). Reads only. */
export async function openRuns(root: string, bootId: string): Promise<readonly RunSummary[]> {
  const open: RunSummary[] = [];
  for (const runId of await runIds(root)) {
    const dir = existingRunDir(root, runId);
    const end = journalEnd(journalPath(dir), runId);
    if (end.kind === "ended" && end.leftovers === 0) continue;
    const run = await summarize(dir, runId, bootId);
    if (run.status !== "finished" || run.resources.length > 0) open.push(run);
  }
  return open;
}

export interface RunView {
  readonly summary: RunSummary;
  readonly plan: Plan;
  readonly records: readonly Recorded[];
  /** Measured now, from what the journal holds. */
  readonly result: RunResult;
  readonly torn: JournalContent["torn"];
}

/** Newest first, at most `limit`. Reads only: takes no lock. */
export async function listRuns(
  root: string,
  bootId: string,
  limit = Number.MAX_SAFE_INTEGER,
): Promise<readonly RunSummary[]> {
  const summaries: RunSummary[] = [];
  for (const runId of (await runIds(root)).slice(0, limit))
    summaries.push(await summarize(existingRunDir(root, runId), runId, bootId));
  return summaries;
}

/** Throws `RUN_UNKNOWN`, `RUN_INCOMPLETE`, `JOURNAL_DAMAGED`. */
export async function showRun(root: string, runId: string, bootId: string): Promise<RunView> {
  const dir = existingRunDir(root, runId);
  const plan = await readPlan(dir);
  const journal = await readJournal(journalPath(dir));
  const records = journal.records.map((record) => recorded(record));
  if (records.length === 0)
    throw new FiredrillError("RUN_INCOMPLETE", `The run ${runId} has no records yet.`, {
      hint: "Its orchestrator died, or is just beginning.",
    });
  return {
    summary: await summarize(dir, runId, bootId),
    plan,
    records,
    result: measure(plan, records),
    torn: journal.torn,
  };
}

/** The newest run's id. Throws `RUN_UNKNOWN` when there is none. */
export async function latestRunId(root: string): Promise<string> {
  const [latest] = await runIds(root);
  if (latest !== undefined) return latest;
  throw new FiredrillError("RUN_UNKNOWN", `There is no run in ${root}.`, {
    hint: "Start one with `firedrill run <playbook>`.",
  });
}

async function summarize(dir: string, runId: string, bootId: string): Promise<RunSummary> {
  const owner = await readOwner(dir).catch(() => null);
  const alive = ownerAlive(owner, bootId);
  try {
    const plan = await readPlan(dir);
    const records = (await readJournal(journalPath(dir))).records.map((record) => recorded(record));
    const gone = new Set((await goneSince(dir)).keys());
    return summary({ dir, runId, owner }, { alive, gone }, plan, records);
  } catch (error) {
    const status = alive
      ? "running"
      : error instanceof FiredrillError && error.code === "RUN_INCOMPLETE"
        ? "crashed"
        : "damaged";
    const nothing = {
      name: null,
      title: null,
      system: null,
      startedWallUs: null,
      lastWallUs: null,
      result: null,
      exitCode: null,
    };
    return {
      runId,
      dir,
      status,
      owner,
      ownerStopped: standsStill(owner, alive),
      ...nothing,
      resources: [],
      problem: error instanceof Error ? error.message : String(error),
    };
  }
}

function summary(
  at: Pick<RunSummary, "dir" | "runId" | "owner">,
  { alive, gone }: { readonly alive: boolean; readonly gone: ReadonlySet<string> },
  plan: Plan,
  records: readonly Recorded[],
): RunSummary {
  const memory = emptyMemory();
  for (const record of records) remember(memory, record);
  const { finished } = memory;
  return {
    ...at,
    status: finished !== null ? "finished" : alive ? "running" : "crashed",
    name: plan.name,
    title: plan.title,
    system: plan.system?.name ?? null,
    ownerStopped: standsStill(at.owner, alive),
    startedWallUs: records[0]?.wallUs ?? null,
    lastWallUs: memory.last?.wallUs ?? null,
    result: finished?.result ?? null,
    exitCode: finished?.exitCode ?? null,
    resources: outstandingResources(memory).flatMap(({ id, kind, title, locator }) =>
      gone.has(id) ? [] : [{ kind, title, locator }],
    ),
    problem: null,
  };
}

function standsStill(owner: RunOwner | null, alive: boolean): boolean {
  return alive && owner !== null && isStopped(owner.pid);
}
