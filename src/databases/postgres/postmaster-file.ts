import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readPlainFile } from "./plain-file.ts";

/** Eight lines, two of them paths (4096 bytes each at most). */
const MAX_BYTES = 16 * 1024;

/** `postmaster.pid` of a data directory (pidfile.h). */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number | null;
  /** Line 8: `starting`, `standby`, `ready`, `stopping`; null before the server wrote it. */
  readonly status: string | null;
}

export async function readPostmasterFile(dataDir: string): Promise<PostmasterFile | null> {
  const text = await readPlainFile(join(dataDir, "postmaster.pid"), MAX_BYTES).catch(() => null);
  const lines = text?.toString("utf8").split("\n") ?? [];
  const pid = Math.abs(Number(lines[0]));
  if (!Number.isInteger(pid) || pid <= 1) return null;
  const port = Number(lines[3]);
  return { pid, port: Number.isInteger(port) && port > 0 ? port : null, status: lines[7]?.trim() ?? null };
}

/** What a running server says of itself; null for the file that a killed one left. */
export async function livePostmasterFile(dataDir: string): Promise<PostmasterFile | null> {
  const file = await readPostmasterFile(dataDir);
  if (file === null) return null;
  return (await runsOn(file.pid, dataDir)) ? file : null;
}

/** The server that runs on this data directory, or null. */
export async function livePostmaster(dataDir: string): Promise<number | null> {
  return (await livePostmasterFile(dataDir))?.pid ?? null;
}

/**
 * A pid alone proves nothing: it may have been given to another program, or have come along with a backup. A server is
 * started with `-D` and its directory, and the command line can be read for every user's processes, unlike the working
 * directory (which root in a container without CAP_SYS_PTRACE cannot see). Empty for a zombie.
 */
export async function runsOn(pid: number, dataDir: string): Promise<boolean> {
  const args = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return args.split("\0").includes(dataDir);
}
