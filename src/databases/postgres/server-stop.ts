import { setTimeout as delay } from "node:timers/promises";
import { livePostmaster, runsOn } from "./postmaster-file.ts";

/** `fast`: disconnects clients, writes a shutdown checkpoint. `immediate`: as a crash, nothing is written. */
export type StopMode = "fast" | "immediate";

const SIGNALS = { fast: "SIGINT", immediate: "SIGQUIT" } as const;
const POLL_MS = 5;

/**
 * Stops the server of a data directory, whoever started it, and returns when its process is gone: first as asked,
 * then with SIGKILL. Says whether there was one. Clean-up, so it takes no signal: it must also run after an abort.
 */
export async function stopServer(dataDir: string, mode: StopMode, graceMs = 30_000): Promise<boolean> {
  const pid = await livePostmaster(dataDir);
  if (pid === null) return false;
  sendSignal(pid, SIGNALS[mode]);
  if (!(await goneWithin(dataDir, pid, graceMs))) {
    sendSignal(pid, "SIGKILL");
    await goneWithin(dataDir, pid, 5000);
  }
  return true;
}

export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone, which is what we want.
  }
}

/** A zombie counts as gone: it holds nothing any more. */
async function goneWithin(dataDir: string, pid: number, timeoutMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += POLL_MS) {
    if (!(await runsOn(pid, dataDir))) return true;
    await delay(POLL_MS);
  }
  return !(await runsOn(pid, dataDir));
}
