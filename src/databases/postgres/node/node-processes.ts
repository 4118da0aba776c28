import { StepError } from "../../../drills/step-error.ts";
import { readPostmasterFile } from "../postmaster-file.ts";
import type { NodePlace } from "./node-place.ts";
import { argumentsOf, ownerOf, procEntries, procEntry, type ProcEntry, workingFolder } from "./proc-entry.ts";

/** The processes of one server: those that work in its data directory, as all of PostgreSQL's do (`ChangeToDataDir`). */
export interface ServerProcesses {
  readonly postmaster: ProcEntry | null;
  /** Backends and what they started, orphans of a dead postmaster among them. */
  readonly others: readonly ProcEntry[];
}

const SERVER_NAMES: ReadonlySet<string> = new Set(["postgres", "postmaster"]);

/** Throws `NODE_HIDDEN` when there may be some that we may not look into. */
export async function serverProcesses(place: NodePlace): Promise<ServerProcesses> {
  const postmaster = await postmasterOf(place);
  const table = procEntries();
  const others: ProcEntry[] = [];
  const hidden: ProcEntry[] = [];
  for (const entry of table.values()) {
    if (entry.pid === postmaster?.pid) continue;
    const answer = belongs(entry, table, place);
    if (answer !== "no") (answer === "yes" ? others : hidden).push(entry);
  }
  if (hidden.length > 0) throw hiddenFrom(place, hidden);
  return { postmaster, others };
}

/** By `postmaster.pid`, when that process is one and serves this folder. */
export async function postmasterOf(place: NodePlace): Promise<ProcEntry | null> {
  const written = (await readPostmasterFile(place.dataDir))?.pid ?? null;
  const entry = written === null ? null : procEntry(written);
  return entry !== null && isPostmaster(entry, place) ? entry : null;
}

export function isPostmasterOf(pid: number, place: NodePlace): boolean {
  const entry = procEntry(pid);
  return entry !== null && isPostmaster(entry, place);
}

/** The file may be left over from a crash, and its number may be somebody else's by now. A server runs as the owner of its folder (miscinit.c, checkDataDir). */
function isPostmaster(entry: ProcEntry, place: NodePlace): boolean {
  if (ownerOf(entry.pid) !== place.uid) return false;
  const folder = workingFolder(entry.pid);
  if (folder.kind === "at") return inside(place.dataDir, folder.dir);
  return folder.kind === "denied" && servesFolder(entry, place);
}

function servesFolder({ pid }: ProcEntry, { node, dataDir }: NodePlace): boolean {
  return argumentsOf(pid).some((argument) => argument === dataDir || argument === node.dataDir);
}

/** Who merely stands in the folder (a person's shell) is no server: it is one itself, or was started by one. */
function belongs(entry: ProcEntry, table: ReadonlyMap<number, ProcEntry>, place: NodePlace): "yes" | "no" | "hidden" {
  const line = [entry, ...ancestors(entry, table)];
  const folder = workingFolder(entry.pid);
  if (folder.kind === "gone") return "no";
  if (folder.kind === "at") return inside(place.dataDir, folder.dir) && line.some(isServer) ? "yes" : "no";
  if (!isServer(entry) || ownerOf(entry.pid) !== place.uid) return "no";
  const top = line.findLast(isServer) ?? entry;
  // A postmaster's first argument is its program; only its children call themselves `postgres: what they do`.
  const orphan = argumentsOf(top.pid)[0]?.startsWith("postgres: ") ?? true;
  if (orphan) return "hidden";
  return servesFolder(top, place) ? "yes" : "no";
}

function isServer({ comm }: ProcEntry): boolean {
  return SERVER_NAMES.has(comm);
}

function* ancestors(entry: ProcEntry, table: ReadonlyMap<number, ProcEntry>): Generator<ProcEntry> {
  for (let above = table.get(entry.ppid); above !== undefined; above = table.get(above.ppid)) yield above;
}

function inside(dir: string, cwd: string): boolean {
  return cwd === dir || cwd === `${dir} (deleted)` || cwd.startsWith(`${dir}/`);
}

function hiddenFrom({ node, dataDir, uid }: NodePlace, hidden: readonly ProcEntry[]): StepError {
  const pids = hidden.map(({ pid }) => pid);
  return new StepError(
    "permanent",
    "NODE_HIDDEN",
    `${pids.length} servers of user ${uid} may work in ${dataDir} of ${node.name}, and we may not look: ${pids.slice(0, 5).join(", ")}`,
    { hint: "run as root with CAP_SYS_PTRACE, or as the user that owns the data directory", details: { pids } },
  );
}
