import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Plan } from "../../src/drills/plan.ts";
import { cleanState } from "../../src/engine/clean-state.ts";
import type { EngineDeps } from "../../src/engine/engine-deps.ts";
import { startRun } from "../../src/engine/execute-run.ts";
import { resumeRun } from "../../src/engine/resume-run.ts";
import { runIds } from "../../src/engine/state/run-directory.ts";
import { FiredrillError } from "../../src/support/errors.ts";
import { type Doom, doom, type Point, pointsOf } from "./sweep-doom.ts";
import { type Change, sweepEngine } from "./sweep-engine.ts";
import { endOf, type End } from "./sweep-end.ts";
import { freshWorld, writeWorld } from "./sweep-world.ts";

/** A run of a playbook in a folder of its own: its state directory and its world. */
export interface Victim {
  readonly playbook: string;
  readonly dir: string;
  /** Null: it is killed from outside. */
  readonly point: Point | null;
}

export interface Planted {
  readonly change?: Change;
  /** False: what is written to the journal is never synced. */
  readonly sync?: boolean;
}

export function makeVictim(victim: Victim): Victim {
  mkdirSync(victim.dir, { recursive: true });
  writeWorld(victim.dir, freshWorld());
  return victim;
}

const UNHARMED = (): Doom => doom(null, () => {});

/** Runs the playbook to its end, or to its point: then `die` is called and the promise never resolves. */
export async function runVictim(victim: Victim, plan: Plan, die: () => void, planted: Planted = {}): Promise<void> {
  const fate = doom(victim.point, die, { sync: planted.sync ?? true });
  await start(await sweepEngine(victim.dir, fate, planted.change), plan);
}

/** How a playbook ends when nobody disturbs it, and where it can be disturbed. */
export interface Baseline {
  /** Before anything was done. */
  readonly begin: End;
  readonly end: End;
  readonly points: readonly Point[];
  readonly records: number;
}

export async function unharmed(dir: string, playbook: string, plan: Plan): Promise<Baseline> {
  makeVictim({ playbook, dir, point: null });
  const fate = UNHARMED();
  const deps = await sweepEngine(dir, fate);
  const begin = await endOf(dir, deps);
  await start(deps, plan);
  const records = fate.writes.join("").split("\n").length - 1;
  return { begin, end: await endOf(dir, deps), points: pointsOf(fate), records };
}

async function start(deps: EngineDeps, plan: Plan): Promise<void> {
  const request = { plan, playbookText: "kind: Playbook\n", inventoryText: null, trigger: "test" } as const;
  const handle = await startRun({ ...request, mode: "real", seed: "seed-1", confirm: "orders" }, deps);
  await handle.outcome;
}

/** What `firedrill resume` does, or `firedrill clean`, which is also for what cannot be resumed. */
export async function recover(dir: string, how: "resume" | "clean", planted: Planted = {}): Promise<End> {
  const deps = await sweepEngine(dir, UNHARMED(), planted.change);
  const [runId] = existsSync(join(dir, "state", "runs")) ? await runIds(deps.state.root) : [];
  const resumed = how === "resume" && runId !== undefined ? await resume(runId, deps) : false;
  if (!resumed) await cleanState(deps, new AbortController().signal);
  return endOf(dir, deps);
}

/** False: it never began, or had ended. */
async function resume(runId: string, deps: EngineDeps): Promise<boolean> {
  try {
    await resumeRun(runId, deps);
    return true;
  } catch (error) {
    if (error instanceof FiredrillError && ["RUN_INCOMPLETE", "RUN_FINISHED"].includes(error.code)) return false;
    throw error;
  }
}
