import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

/** What anyone may read of a process (proc(5), `/proc/pid/stat`). */
export interface ProcEntry {
  readonly pid: number;
  readonly ppid: number;
  /** Name of its program, at most 15 characters. */
  readonly comm: string;
  /** `R`, `S`, `D`; `T` is stopped by a signal. */
  readonly state: string;
  /** Clock ticks since boot. */
  readonly startTicks: number;
}

/** Null for none, and for one that is dead and not yet reaped. */
export function procEntry(pid: number): ProcEntry | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // The name stands in parentheses and may hold spaces and parentheses itself.
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  const [state = "X", ppid] = fields;
  if (state === "Z" || state === "X") return null;
  const comm = stat.slice(stat.indexOf("(") + 1, end);
  return { pid, ppid: Number(ppid), comm, state, startTicks: Number(fields[19]) };
}

export function procEntries(): ReadonlyMap<number, ProcEntry> {
  const entries = new Map<number, ProcEntry>();
  for (const name of readdirSync("/proc")) {
    const entry = /^\d+$/u.test(name) ? procEntry(Number(name)) : null;
    if (entry !== null) entries.set(entry.pid, entry);
  }
  return entries;
}

/** Whether exactly that process is there; a later one with its number is another. */
export function sameProcess({ pid, startTicks }: Pick<ProcEntry, "pid" | "startTicks">): boolean {
  return procEntry(pid)?.startTicks === startTicks;
}

/** Where it works; `denied` needs CAP_SYS_PTRACE, which root in a container lacks. */
export function workingFolder(
  pid: number,
): { readonly kind: "at"; readonly dir: string } | { readonly kind: "denied" | "gone" } {
  try {
    return { kind: "at", dir: readlinkSync(`/proc/${pid}/cwd`) };
  } catch (error) {
    const denied = error instanceof Error && "code" in error && (error.code === "EACCES" || error.code === "EPERM");
    return { kind: denied ? "denied" : "gone" };
  }
}

/** Readable for every user's processes. */
export function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

export function ownerOf(pid: number): number | null {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return null;
  }
}
