import { setTimeout as sleep } from "node:timers/promises";
import { StepError } from "../../../drills/step-error.ts";
import { findProcesses, killFound, type ProcessSearch } from "../../../support/processes.ts";

/** The programs of PostgreSQL are called by their full paths; this is for what they call. */
export const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const MARKER = "FIREDRILL_BACKUP";
const END_MS = 20_000;

/** What a program that takes a backup bears in its environment, and its own children after it. */
export function workMarker(token: string | null): Readonly<Record<string, string>> {
  return token === null ? {} : { [MARKER]: token };
}

/** Every process of ours that takes the backup with this token. */
export function processesOf(token: string): ProcessSearch {
  return findProcesses({ dir: null, marker: `${MARKER}=${token}`, uid: process.getuid?.() ?? 0 });
}

/** SIGKILL to all of them until none is left. Throws `BACKUP_PARTIAL_STUCK`. */
export async function endProcesses(token: string): Promise<void> {
  const deadline = AbortSignal.timeout(END_MS);
  for (let round = 0; ; round += 1) {
    const { found } = processesOf(token);
    if (found.length === 0) return;
    if (deadline.aborted)
      throw new StepError("permanent", "BACKUP_PARTIAL_STUCK", `processes do not end: ${pids(found)}`);
    for (const one of found) killFound(one);
    await sleep(Math.min(20, round));
  }
}

function pids(found: ProcessSearch["found"]): string {
  return found.map(({ pid }) => pid).join(", ");
}
