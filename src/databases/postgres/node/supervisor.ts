import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { NodeSpec } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";
import { readPlainFile } from "../plain-file.ts";
import { ownerOf, procEntry, type ProcEntry } from "./proc-entry.ts";

/** `USER_HZ`: what the kernel counts ticks in, on every Linux platform that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Both times are read in whole seconds. */
const SLACK_MS = 2000;

/** What keeps the server running, by its pid file; null when it does not run. Throws `NODE_SUPERVISOR`. */
export async function supervisorOf(node: NodeSpec): Promise<ProcEntry | null> {
  const path = node.supervisorPidFile;
  if (path === null) return null;
  const text = (await readPlainFile(path, 64).catch(() => null))?.toString("utf8").trim();
  if (text === undefined) return null;
  const pid = Number(text);
  if (!/^\d{1,10}$/u.test(text) || pid <= 1 || pid === process.pid) throw notOne(node, path, "holds no pid of one");
  const entry = procEntry(pid);
  if (entry === null) return null;
  const file = await stat(path);
  // Else whoever may write there could have us end any process.
  if (file.uid !== 0 && file.uid !== ownerOf(pid))
    throw notOne(node, path, `is user ${file.uid}'s and names process ${pid} of another user`);
  if (startedMs(entry) > file.mtimeMs + SLACK_MS) {
    throw notOne(node, path, `is older than process ${pid}, which must be another one`);
  }
  return entry;
}

/** As asked for by a step: there must be a file to go by. */
export function requireSupervisorFile(node: NodeSpec): void {
  if (node.supervisorPidFile !== null) return;
  throw new StepError("permanent", "NODE_SUPERVISOR", `the inventory names no supervisor of ${node.name}`, {
    hint: "set `supervisorPidFile` of the node, or leave `supervisor: true` out",
  });
}

function startedMs({ startTicks }: ProcEntry): number {
  const boot = Number(/^btime (\d+)$/mu.exec(readFileSync("/proc/stat", "latin1"))?.[1] ?? 0);
  return (boot + startTicks / TICKS_PER_SECOND) * 1000;
}

function notOne({ name }: NodeSpec, path: string, why: string): StepError {
  return new StepError("permanent", "NODE_SUPERVISOR", `the supervisor of ${name} is not known: ${path} ${why}`, {
    hint: "correct `supervisorPidFile` in the inventory, or remove the stale file",
  });
}
