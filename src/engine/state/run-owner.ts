import { join } from "node:path";
import { z } from "zod";
import { FiredrillError } from "../../support/errors.ts";
import { isAlive, type ProcessIdentity } from "../../support/process-identity.ts";
import type { HeldLock } from "./exclusive-lock.ts";
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
  const lock = files.lock(lockPath(dir));
  if (lock !== null) return lock;
  const owner = await readOwner(dir, files);
  const who =
    owner === null
      ? "another process"
      : `process ${owner.pid} on ${owner.host}, since ${new Date(owner.sinceWallUs / 1000).toISOString()}`;
  throw new FiredrillError("RUN_LOCKED", `The run in ${dir} is owned by ${who}.`, {
    hint: "Wait for it to end, or stop it with `firedrill halt <run> --reason <text>`.",
    details: owner === null ? {} : { pid: owner.pid, host: owner.host },
  });
}

/** As `lockRun`, null instead of an error. */
export function tryLockRun(dir: string, files: StateFiles = systemFiles): HeldLock | null {
  return files.lock(lockPath(dir));
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

function lockPath(dir: string): string {
  return join(dir, "owner.lock");
}
