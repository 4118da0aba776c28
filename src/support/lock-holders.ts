import { readFileSync, statSync } from "node:fs";

/**
 * Who holds a POSIX lock on a file, as the kernel says (`/proc/locks`, proc(5)); null where it does not tell. Processes of
 * other machines and of namespaces we do not see have no number here.
 */
export function lockHolders(path: string): ReadonlySet<number> | null {
  const inode = statSync(path, { throwIfNoEntry: false })?.ino;
  if (inode === undefined) return new Set();
  let table: string;
  try {
    table = readFileSync("/proc/locks", "latin1");
  } catch {
    return null;
  }
  return new Set(table.split("\n").flatMap((line) => holderIn(line, inode)));
}

/** `1: POSIX  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`. The device is not compared: layered file systems show another one. */
function holderIn(line: string, inode: number): readonly number[] {
  const [, kind, , , pid, file] = line.trim().split(/\s+/u);
  if (kind !== "POSIX" || file?.split(":")[2] !== `${inode}`) return [];
  return Number(pid) > 0 ? [Number(pid)] : [];
}
