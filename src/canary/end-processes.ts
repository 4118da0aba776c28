import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../drills/step-error.ts";
import { startTicksOf } from "../support/process-identity.ts";
import { killFound } from "../support/processes.ts";
import { findMarked, type MarkedProcess, type Sought } from "./marked-processes.ts";

const LOOK_MS = 5;
/** What a killed process may take to be gone. */
const KILLED_MS = 5000;

/**
 * Asks all that bear the marker to end, gives them time for the answers they wait for, then kills them. Resolves when they are
 * gone; rejects with the signal's reason, or `TRAFFIC_STUCK`.
 */
export async function endProcesses(sought: Sought, politeMs: number, signal: AbortSignal): Promise<void> {
  const found = findMarked(sought);
  for (const one of found) ask(one);
  if (await gone(found, politeMs, signal)) return;
  for (const one of found) killFound(one);
  if (await gone(found, KILLED_MS, signal)) return;
  const pids = found.filter(isThere).map(({ pid }) => pid);
  throw new StepError("permanent", "TRAFFIC_STUCK", `processes of the canary do not end: ${pids.join(", ")}`, {
    hint: "look what holds them (ps -o pid,stat,wchan), then run `firedrill clean`",
  });
}

function ask(found: MarkedProcess): void {
  if (!isThere(found)) return;
  try {
    process.kill(found.pid, "SIGTERM");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

async function gone(found: readonly MarkedProcess[], withinMs: number, signal: AbortSignal): Promise<boolean> {
  for (let waitedMs = 0; found.some(isThere); waitedMs += LOOK_MS) {
    if (waitedMs >= withinMs) return false;
    await delay(LOOK_MS);
    signal.throwIfAborted();
  }
  return true;
}

function isThere({ pid, startTicks }: MarkedProcess): boolean {
  return startTicksOf(pid) === startTicks;
}
