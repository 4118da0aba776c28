import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { startTicksOf } from "./process-identity.ts";

/**
 * Processes found by what they do, not by numbers written down: a folder they work in, a marker in their environment.
 * Linux, from `/proc` (proc(5)). Reading another user's `cwd` needs CAP_SYS_PTRACE, which root in a container lacks.
 */
export interface FoundProcess {
  readonly pid: number;
  readonly startTicks: number;
}

export interface ProcessSearch {
  readonly found: readonly FoundProcess[];
  /** Processes of the searched user which we may not look into. */
  readonly hidden: readonly FoundProcess[];
  readonly looked: number;
}

export interface SearchFor {
  /** Real path without a trailing slash; null: the marker alone decides, so that nobody who merely stands in a folder is found. */
  readonly dir: string | null;
  /** `NAME=value` in the environment the process was started with; null: the folder alone decides. */
  readonly marker: `${string}=${string}` | null;
  /** Processes of this user count as hidden when they cannot be read; others' are none of ours. */
  readonly uid: number;
}

/** Every process whose working directory is the folder or below it (also after it was removed), or that bears the marker. */
export function findProcesses(search: SearchFor): ProcessSearch {
  const found: FoundProcess[] = [];
  const hidden: FoundProcess[] = [];
  let looked = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/u.test(name)) continue;
    looked += 1;
    const answer = belongs(name, search);
    if (answer === "no") continue;
    const startTicks = startTicksOf(Number(name));
    if (startTicks !== null) (answer === "yes" ? found : hidden).push({ pid: Number(name), startTicks });
  }
  return { found, hidden, looked };
}

function belongs(pid: string, search: SearchFor): "yes" | "no" | "hidden" {
  try {
    if (search.dir !== null && worksIn(search.dir, readlinkSync(`/proc/${pid}/cwd`))) return "yes";
    if (search.marker === null) return "no";
    return readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(search.marker) ? "yes" : "no";
  } catch (error) {
    return denied(error) && ownerOf(pid) === search.uid ? "hidden" : "no";
  }
}

function worksIn(dir: string, cwd: string): boolean {
  return cwd === dir || cwd === `${dir} (deleted)` || cwd.startsWith(`${dir}/`);
}

function denied(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM");
}

function ownerOf(pid: string): number | null {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return null;
  }
}

/** SIGKILL, unless the number belongs to another process by now. Throws when we may not. */
export function killFound(found: FoundProcess): void {
  if (startTicksOf(found.pid) !== found.startTicks) return;
  try {
    process.kill(found.pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
