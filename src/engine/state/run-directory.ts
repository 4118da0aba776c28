import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Plan } from "../../drills/plan.ts";
import { FiredrillError } from "../../support/errors.ts";
import { isRunId, newRunId, type RandomBytes } from "../../support/ids.ts";
import { readDocument, runDir, runsDir } from "./state-directory.ts";
import { type StateFiles, systemFiles, writeJson } from "./state-files.ts";

/** What a run is made from, kept beside its journal so that nothing else is needed to finish or judge it. */
export interface RunSources {
  readonly plan: Plan;
  readonly playbookText: string;
  /** The inventory without secrets (it holds references only); null when there was none. */
  readonly inventoryText: string | null;
}

const TRIES = 8;

/** Keeps what the run is made from. The caller holds the run's lock. */
export async function writeSources(dir: string, sources: RunSources, files: StateFiles = systemFiles): Promise<void> {
  await files.write(join(dir, "playbook.yaml"), sources.playbookText);
  if (sources.inventoryText !== null) await files.write(join(dir, "inventory.yaml"), sources.inventoryText);
  await writeJson(files, join(dir, "plan.json"), sources.plan);
}

/** Makes the folder of a new run and returns the run's id. */
export async function reserveRun(
  root: string,
  wallUs: number,
  random: RandomBytes,
  files: StateFiles = systemFiles,
): Promise<string> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const runId = newRunId(wallUs, random);
    if (await files.makeFolder(runDir(root, runId))) return runId;
  }
  throw new FiredrillError("RUN_ID_TAKEN", `No free run id was found in ${TRIES} tries.`, {
    hint: "Start the run again.",
  });
}

export function journalPath(dir: string): string {
  return join(dir, "journal.jsonl");
}

export function resultPath(dir: string): string {
  return join(dir, "result.json");
}

/** Ids of all runs, newest first. Ids tell the second; within it the folder's own time decides. */
export async function runIds(root: string): Promise<readonly string[]> {
  if (!existsSync(runsDir(root))) return [];
  const names = (await readdir(runsDir(root))).filter((name) => isRunId(name));
  const made = new Map(names.map((name) => [name, statSync(join(runsDir(root), name)).birthtimeMs]));
  return names.toSorted(
    (a, b) => later(secondOf(a), secondOf(b)) || (made.get(b) ?? 0) - (made.get(a) ?? 0) || later(a, b),
  );
}

function later(a: string, b: string): number {
  return b.localeCompare(a, "en");
}

function secondOf(runId: string): string {
  return runId.slice(0, "20261121-031500".length);
}

/** Throws `RUN_UNKNOWN`. */
export function existingRunDir(root: string, runId: string, files: StateFiles = systemFiles): string {
  const dir = runDir(root, runId);
  if (files.exists(dir)) return dir;
  throw new FiredrillError("RUN_UNKNOWN", `There is no run ${runId} in ${root}.`, {
    hint: "`firedrill list` shows the runs; --state names the directory.",
  });
}

/** Throws `RUN_INCOMPLETE` when the process died before the plan was kept: nothing of such a run was ever done. */
export async function readPlan(dir: string, files?: StateFiles): Promise<Plan> {
  const plan = await readDocument(join(dir, "plan.json"), "firedrill/plan/v1", planSchema, files);
  if (plan !== null) return plan;
  throw new FiredrillError("RUN_INCOMPLETE", `${dir} has no plan: its orchestrator died before the run began.`, {
    hint: "`firedrill clean` removes such folders.",
  });
}

// The planner wrote it and `run.started` holds its hash; only that it is a plan of this version is asked here.
const planSchema = z.custom<Plan>(
  (value) => z.object({ phases: z.array(z.unknown()), steps: z.array(z.unknown()) }).safeParse(value).success,
);
