import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { StepError } from "../drills/step-error.ts";
import { findProcesses, type FoundProcess, killFound, type ProcessSearch } from "../support/processes.ts";
import { startTicksOf } from "../support/process-identity.ts";

/** What every process of a command bears in its environment. */
export const MARKER = "FIREDRILL_COMMAND";
const END_MS = 20_000;

export function markedProcesses(token: string): ProcessSearch {
  return findProcesses({ dir: null, marker: `${MARKER}=${token}`, uid: process.getuid?.() ?? 0 });
}

/** SIGKILL to every process with the marker, and to those in their groups, until none is left. Throws `COMMAND_STUCK`. */
export async function endMarked(token: string): Promise<void> {
  const deadline = AbortSignal.timeout(END_MS);
  for (let round = 0; ; round += 1) {
    const { found } = markedProcesses(token);
    if (found.length === 0) return;
    if (deadline.aborted) {
      const pids = found.map(({ pid }) => pid).join(", ");
      throw new StepError("permanent", "COMMAND_STUCK", `processes of a command do not end: ${pids}`, {
        hint: "look at them and end them by hand, then run `firedrill clean`",
      });
    }
    for (const each of found) killWithGroup(each);
    await sleep(Math.min(20, round));
  }
}

/**
 * A process can join groups of its own session only, and the command has a session to itself: whoever shares a group with a
 * marked process comes from the command, also without the marker (`env -i`, `sudo`).
 */
function killWithGroup(found: FoundProcess): void {
  const group = groupOf(found.pid);
  if (group !== null && group > 1 && group !== groupOf(process.pid) && startTicksOf(found.pid) === found.startTicks)
    killGroup(group);
  killFound(found);
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch (error) {
    // EPERM: all of them are another user's by now; killFound says what it may not.
    if (!(error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM"))) throw error;
  }
}

/** Process group (proc(5), `/proc/pid/stat`, field 5); null for none. */
function groupOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const group = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
    return Number.isSafeInteger(group) ? group : null;
  } catch {
    return null;
  }
}
