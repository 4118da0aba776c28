import { appendFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../support/clock.ts";
import { FiredrillError } from "../support/errors.ts";
import { journalHasEnded } from "./journal/has-ended.ts";
import { type HaltRequest, readHalt, removeHalt, requestHalt, requireNamed } from "./state/halt-requests.ts";
import { existingRunDir, journalPath } from "./state/run-directory.ts";

export interface HaltWords {
  readonly who: string;
  readonly reason: string;
}

/**
 * Asks a run to stop into cleanup; its orchestrator, alive or resumed later, acts on it. Throws `RUN_UNKNOWN`, `RUN_FINISHED`,
 * `HALT_WHO_AND_WHY`.
 */
export async function haltRun(root: string, runId: string, words: HaltWords, clock: Clock): Promise<void> {
  requireNamed(words);
  const dir = existingRunDir(root, runId);
  if (await isFinished(dir))
    throw new FiredrillError("RUN_FINISHED", `The run ${runId} is finished.`, {
      hint: "`firedrill status` lists the runs that are not.",
    });
  await requestHalt(dir, { who: words.who, reason: words.reason, wallUs: clock.wallUs() });
}

/** Stops every run and refuses new ones until it is lifted; survives restarts. */
export async function haltAll(root: string, words: HaltWords, clock: Clock): Promise<void> {
  const request = { who: words.who, reason: words.reason, wallUs: clock.wallUs() };
  await requestHalt(root, request);
  await keep(root, "halted", request);
}

/** Allows runs again; gives the halt that was in force, or null. Throws `HALT_WHO_AND_WHY`. */
export async function liftHalt(root: string, words: HaltWords, clock: Clock): Promise<HaltRequest | null> {
  requireNamed(words);
  const halt = await readHalt(root);
  if (halt === null) return null;
  await keep(root, "lifted", { who: words.who, reason: words.reason, wallUs: clock.wallUs() });
  await removeHalt(root);
  return halt;
}

/** The halt of all runs that is in force, or null. */
export async function haltInForce(root: string): Promise<HaltRequest | null> {
  return readHalt(root);
}

/** One line per halt and lift, so that the answer to "who stopped the drills?" outlives the halt. */
async function keep(root: string, kind: "halted" | "lifted", request: HaltRequest): Promise<void> {
  const line = JSON.stringify({ schemaVersion: "firedrill/halt-history/v1", kind, ...request });
  await appendFile(join(root, "halt-history.jsonl"), `${line}\n`, { mode: 0o600, flush: true });
}

async function isFinished(dir: string): Promise<boolean> {
  if (!existsSync(journalPath(dir))) return false;
  return journalHasEnded(journalPath(dir));
}
