import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { StepError } from "../../../drills/step-error.ts";
import { findProcesses, killFound, type ProcessSearch } from "../../../support/processes.ts";

const run = promisify(execFile);

/** Where `setpriv` is looked for; the programs of PostgreSQL are called by their full paths. */
export const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";
const MARKER = "FIREDRILL_BACKUP";
const END_MS = 20_000;

/** What a program that takes a backup bears in its environment, and its own children after it. */
export function workMarker(token: string | null): Readonly<Record<string, string>> {
  return token === null ? {} : { [MARKER]: token };
}

/**
 * Words before a command that make the kernel end it when we die (PR_SET_PDEATHSIG), also by SIGKILL. None where there is
 * no `setpriv` that knows how (busybox has another): then the marker finds it.
 */
export async function dyingWithUs(): Promise<readonly string[]> {
  const options = ["--pdeathsig", "KILL", "--"];
  return run("setpriv", [...options, "true"], { env: { PATH: SYSTEM_PATH } }).then(
    () => ["setpriv", ...options],
    () => [],
  );
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
