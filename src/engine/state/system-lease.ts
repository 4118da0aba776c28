/**
 * One disruptive run per system and state directory: a lock that dies with its holder, and an epoch that rises with each taking.
 *
 * Owns: `systems/<name>/lock` and `epoch.json`. Does not: know what a run does to the system.
 *
 * Invariants
 *  E1  The epoch on disk is raised only by who holds the lock.
 *  E2  Whoever finds another epoch, another run or another lock file than its own has lost the system, and never gets it back.
 */
import { join } from "node:path";
import { z } from "zod";
import { StepError } from "../../drills/step-error.ts";
import { FiredrillError } from "../../support/errors.ts";
import { isRunId } from "../../support/ids.ts";
import { lockHolders } from "../../support/lock-holders.ts";
import type { HeldLock } from "./exclusive-lock.ts";
import { nameHolder } from "./name-holder.ts";
import { ownerLockPath } from "./run-owner.ts";
import { readDocument, runDir } from "./state-directory.ts";
import { type StateFiles, systemFiles, writeJson } from "./state-files.ts";

/** Held from before the run's folder exists until after its cleanup. */
export interface SystemLease extends Disposable {
  readonly system: string;
  readonly epoch: number;
  /** Throws `StepError` `STALE_EPOCH`. Reads one small file. */
  requireCurrent(): Promise<void>;
}

/** Who holds a system, or held it last. The lock decides, not this. */
export interface SystemHolder {
  readonly epoch: number;
  readonly run: string;
  readonly pid: number;
  readonly host: string;
  readonly sinceWallUs: number;
}

const VERSION = "firedrill/system-epoch/v1";
const holderSchema = z.object({
  schemaVersion: z.string(),
  epoch: z.int(),
  run: z.string(),
  pid: z.int(),
  host: z.string(),
  sinceWallUs: z.int(),
});

/**
 * Throws `SYSTEM_BUSY` naming the holder. Held, but nobody's yet: `takeLease` writes down whose. `seizeFrom` names a run that
 * was taken from an owner which may still live: what that run holds goes with it, and only that.
 */
export async function lockSystem(
  root: string,
  system: string,
  files: StateFiles = systemFiles,
  seizeFrom: string | null = null,
): Promise<HeldLock> {
  const dir = systemDir(root, system);
  await files.makeFolder(join(root, "systems"));
  await files.makeFolder(dir);
  const path = join(dir, "lock");
  const lock = files.lock(path);
  if (lock !== null) return lock;
  // One process may run one drill after another: the run that is named must be held as well.
  const holdsRun = ({ run, pid: by }: SystemHolder): boolean =>
    !isRunId(run) || (lockHolders(ownerLockPath(runDir(root, run)))?.has(by) ?? true);
  const { named, pid } = await nameHolder(path, () => readHolder(root, system, files), holdsRun);
  if (named !== null && named.run === seizeFrom) return files.replaceLock(path);
  throw new FiredrillError(
    "SYSTEM_BUSY",
    `System ${system} is held by ${whoIs(named, pid)}: one disruptive run at a time.`,
    {
      hint: "Wait for it to end, or stop it with `firedrill halt <run> --who <name> --reason <text>`.",
      details: named === null ? {} : { run: named.run, pid: named.pid, host: named.host },
    },
  );
}

function whoIs(named: SystemHolder | null, pid: number | null): string {
  if (named !== null)
    return `run ${named.run} (process ${named.pid} on ${named.host}, since ${new Date(named.sinceWallUs / 1000).toISOString()})`;
  return pid === null ? "another process" : `process ${pid}, which has just begun`;
}

export interface LeaseRequest {
  readonly root: string;
  readonly system: string;
  readonly run: string;
  readonly pid: number;
  readonly host: string;
  readonly wallUs: number;
}

/** Raises the epoch (E1). The lease owns the lock from here on; when this throws the caller still does. */
export async function takeLease(
  lock: HeldLock,
  request: LeaseRequest,
  files: StateFiles = systemFiles,
): Promise<SystemLease> {
  const { root, system, run, pid, host, wallUs } = request;
  const epoch = ((await readHolder(root, system, files))?.epoch ?? 0) + 1;
  const holder: SystemHolder = { epoch, run, pid, host, sinceWallUs: wallUs };
  await writeJson(files, epochPath(root, system), { schemaVersion: VERSION, ...holder });
  const file = files.identity(lock.path);
  return {
    system,
    epoch,
    async requireCurrent() {
      if (files.identity(lock.path) !== file) throw stale(system, "the lock's file is not the one that was locked"); // E2
      const now = await readHolder(root, system, files);
      if (now?.epoch === epoch && now.run === run) return;
      throw stale(system, now === null ? "its epoch is gone" : `run ${now.run} holds it with epoch ${now.epoch}`); // E2
    },
    [Symbol.dispose]: () => lock[Symbol.dispose](),
  };
}

/** For a run that holds no system and asks all the same. */
export function stale(system: string, why: string): StepError {
  return new StepError("permanent", "STALE_EPOCH", `This run does not hold ${system} any more: ${why}.`, {
    hint: "Nothing was done to it by this step. Look at the system, then at `firedrill status`.",
  });
}

async function readHolder(root: string, system: string, files: StateFiles): Promise<SystemHolder | null> {
  return readDocument(epochPath(root, system), VERSION, holderSchema, files);
}

function epochPath(root: string, system: string): string {
  return join(systemDir(root, system), "epoch.json");
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/u;

/** Names become paths: a plan that was edited by hand could hold any. */
function systemDir(root: string, system: string): string {
  if (NAME.test(system)) return join(root, "systems", system);
  throw new FiredrillError("STATE_UNREADABLE", "The plan's system has a name that no inventory takes.", {
    hint: "Make the plan again from its playbook.",
  });
}
