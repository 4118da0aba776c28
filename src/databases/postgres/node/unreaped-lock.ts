import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { readPostmasterFile } from "../postmaster-file.ts";
import type { NodePlace } from "./node-place.ts";

const POLL_MS = 10;
/** An init that reaps does it at once; in a container without one nobody ever does. */
const PATIENCE_MS = 2000;

/**
 * A killed postmaster that nobody has reaped still has its number, and the server that is started in its place takes it for alive
 * (miscinit.c, CreateLockFile). Whoever calls this knows that no process works in the data directory.
 */
export async function clearUnreapedLock(place: NodePlace, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const pid = (await readPostmasterFile(place.dataDir))?.pid ?? null;
    if (pid === null || !isUnreaped(pid)) return;
    signal.throwIfAborted();
    if (limit.aborted) return rm(join(place.dataDir, "postmaster.pid"), { force: true });
    await delay(POLL_MS);
  }
}

function isUnreaped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
  } catch {
    return false;
  }
}
