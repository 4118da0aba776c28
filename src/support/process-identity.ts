import { readFileSync } from "node:fs";

/** One process, not to be confused with a later one that got the same number: the boot, the pid and its start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot (`/proc/<pid>/stat`, field 22). */
  readonly startTicks: number;
  /** `/proc/sys/kernel/random/boot_id`. */
  readonly bootId: string;
}

/** Identity of a process of this boot; null when there is none with this number. */
export function identityOf(pid: number, bootId: string): ProcessIdentity | null {
  const startTicks = startTicksOf(pid);
  return startTicks === null ? null : { pid, startTicks, bootId };
}

/** Whether exactly that process still runs. A zombie does not. */
export function isAlive(identity: ProcessIdentity, bootId: string): boolean {
  return identity.bootId === bootId && startTicksOf(identity.pid) === identity.startTicks;
}

/** Start time of a process in clock ticks since boot; null for none or a zombie (proc(5), `/proc/pid/stat`). */
export function startTicksOf(pid: number): number | null {
  const found = statOf(pid);
  return found === null || !Number.isSafeInteger(found.startTicks) ? null : found.startTicks;
}

/** Stopped by a signal (SIGSTOP, a terminal, a debugger): it lives and does nothing. */
export function isStopped(pid: number): boolean {
  const state = statOf(pid)?.state;
  return state === "T" || state === "t";
}

/** Null for none or a zombie. */
function statOf(pid: number): { readonly state: string; readonly startTicks: number } | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // Field 2 is the program's name in parentheses and may hold spaces and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "X"] = fields;
  return state === "Z" || state === "X" ? null : { state, startTicks: Number(fields[19]) };
}
