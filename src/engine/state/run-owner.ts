import { join } from "node:path";
import { z } from "zod";
import { FiredrillError } from "../../support/errors.ts";
import { lockHolders } from "../../support/lock-holders.ts";
import { isAlive, isStopped, type ProcessIdentity } from "../../support/process-identity.ts";
import type { HeldLock } from "./exclusive-lock.ts";
import { nameHolder } from "./name-holder.ts";
import { readDocument } from "./state-directory.ts";
import { type StateFiles, systemFiles, writeJson } from "./state-files.ts";

/** Who runs, or last ran, a run: for people and for `list`. The lock beside it decides, not this. */
export interface RunOwner extends ProcessIdentity {
  readonly host: string;
  readonly epoch: number;
  readonly sinceWallUs: number;
}

const VERSION = "firedrill/owner/v1";
const ownerSchema = z.object({
  schemaVersion: z.string(),
  pid: z.number().int(),
  startTicks: z.number().int(),
  bootId: z.string(),
  host: z.string(),
  epoch: z.number().int(),
  sinceWallUs: z.number().int(),
});

/** Takes the run's lock. Throws `RUN_LOCKED` naming the holder. */
export async function lockRun(dir: string, files: StateFiles = systemFiles): Promise<HeldLock> {
  return files.lock(ownerLockPath(dir)) ?? Promise.reject(await runLocked(dir, files));
}

/** The refusal, with who holds the run: its process, host, since when, and whether it stands still. */
export async function runLocked(dir: string, files: StateFiles = systemFiles): Promise<FiredrillError> {
  const { named, pid } = await nameHolder(ownerLockPath(dir), () => readOwner(dir, files));
  const stopped = pid !== null && isStopped(pid);
  return new FiredrillError("RUN_LOCKED", `The run in ${dir} is owned by ${whoIs(named, pid)}.`, {
    hint: stopped
      ? `It is stopped (SIGSTOP): let it go on with \`kill -CONT ${pid}\`, or take the run from it with \`firedrill resume <run> --take-over\`.`
      : "Wait for it to end, or stop it with `firedrill halt <run> --reason <text>`.",
    details: named === null ? {} : { pid: named.pid, host: named.host, stopped },
  });
}

function whoIs(named: RunOwner | null, pid: number | null): string {
  if (named !== null)
    return `process ${named.pid} on ${named.host}, since ${new Date(named.sinceWallUs / 1000).toISOString()}`;
  return pid === null ? "another process" : `process ${pid}, which has just begun`;
}

/** As `lockRun`, null instead of an error. */
export function tryLockRun(dir: string, files: StateFiles = systemFiles): HeldLock | null {
  return files.lock(ownerLockPath(dir));
}

/**
 * One take-over of a run at a time, also while its lock is held by a process that stands still. Throws `RUN_LOCKED`. Held
 * until the new owner has its journal: what it replaces, nobody else replaces meanwhile.
 */
export async function lockGate(dir: string, files: StateFiles = systemFiles): Promise<HeldLock> {
  const gate = tryLockGate(dir, files);
  if (gate !== null) return gate;
  const [pid] = lockHolders(gatePath(dir)) ?? [];
  throw new FiredrillError(
    "RUN_LOCKED",
    `The run in ${dir} is being taken over by ${pid === undefined ? "another process" : `process ${pid}`}.`,
    {
      hint: "Wait a moment and look again with `firedrill status`.",
      details: pid === undefined ? {} : { pid },
    },
  );
}

/** As `lockGate`, null instead of an error. */
export function tryLockGate(dir: string, files: StateFiles = systemFiles): HeldLock | null {
  return files.lock(gatePath(dir));
}

function gatePath(dir: string): string {
  return join(dir, "takeover.lock");
}

export async function writeOwner(dir: string, owner: RunOwner, files: StateFiles = systemFiles): Promise<void> {
  await writeJson(files, join(dir, "owner.json"), { schemaVersion: VERSION, ...owner });
}

export async function readOwner(dir: string, files?: StateFiles): Promise<RunOwner | null> {
  return readDocument(join(dir, "owner.json"), VERSION, ownerSchema, files);
}

/** Exactly that process, of this boot. Another machine that shares the directory is told by its boot id. */
export function ownerAlive(owner: RunOwner | null, bootId: string): boolean {
  return owner !== null && isAlive(owner, bootId);
}

export function ownerLockPath(dir: string): string {
  return join(dir, "owner.lock");
}
