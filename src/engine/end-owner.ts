import { setTimeout as delay } from "node:timers/promises";
import { FiredrillError } from "../support/errors.ts";
import { lockHolders } from "../support/lock-holders.ts";
import { isAlive, isStopped } from "../support/process-identity.ts";
import { killFound } from "../support/processes.ts";
import type { EngineDeps } from "./engine-deps.ts";
import { ownerLockPath, readOwner, type RunOwner } from "./state/run-owner.ts";

/** Why a run is taken from an owner that may live: kept in the record. */
export interface Seizure {
  readonly who: string;
  readonly reason: string;
}

const LOOK_MS = 10;
const END_MS = 10_000;

/**
 * Ends the process that holds a run's lock; gives a sentence about it. Only a process that the kernel and `owner.json` name
 * alike: number, start time and boot. Throws `OWNER_UNKNOWN`, `OWNER_STUCK`.
 */
export async function endOwner(dir: string, deps: EngineDeps): Promise<string> {
  const owner = await knownOwner(dir, deps);
  const state = isStopped(owner.pid) ? "was stopped" : "was running";
  await (deps.endOwner ?? killOwner)(owner, AbortSignal.timeout(END_MS));
  return `process ${owner.pid} on ${owner.host} (epoch ${owner.epoch}), which ${state}`;
}

async function knownOwner(dir: string, { clock, orchestrator, files }: EngineDeps): Promise<RunOwner> {
  const owner = await readOwner(dir, files);
  if (owner === null) throw unknown(dir, "nothing says who it is");
  const name = `process ${owner.pid} on ${owner.host}`;
  if (owner.bootId !== clock.bootId) throw unknown(dir, `${name} is named, of another boot or another machine`);
  if (!isAlive(owner, clock.bootId)) throw unknown(dir, `${name} is named, which has ended`);
  if (owner.pid === orchestrator.pid) throw unknown(dir, "it is this very process");
  const holders = lockHolders(ownerLockPath(dir));
  if (holders !== null && !holders.has(owner.pid)) throw unknown(dir, `${name} is named, and the kernel names another`);
  return owner;
}

function unknown(dir: string, why: string): FiredrillError {
  return new FiredrillError("OWNER_UNKNOWN", `The owner of the run in ${dir} is not known for sure: ${why}.`, {
    hint: "A run is taken from a process of this machine that is known by number, start time and boot. Stop the other one where it runs.",
  });
}

async function killOwner(owner: RunOwner, signal: AbortSignal): Promise<void> {
  killFound(owner);
  while (isAlive(owner, owner.bootId)) {
    if (signal.aborted) throw stuck(owner);
    await delay(LOOK_MS);
  }
}

function stuck({ pid, host }: RunOwner): FiredrillError {
  return new FiredrillError(
    "OWNER_STUCK",
    `Process ${pid} on ${host} does not end within ${END_MS / 1000} s of SIGKILL.`,
    {
      hint: "It waits for a disk or a device (ps -o pid,stat,wchan). Its run is left as it is; try again when it is gone.",
    },
  );
}
