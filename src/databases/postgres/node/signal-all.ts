import { setTimeout as delay } from "node:timers/promises";
import type { NodeSpec } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { Signalled } from "../../../steps/ports/node-control.ts";
import { type Clock, instant } from "../../../support/clock.ts";
import { type ServerProcesses, serverProcesses } from "./node-processes.ts";
import type { NodePlace } from "./node-place.ts";
import { procEntry, type ProcEntry, sameProcess } from "./proc-entry.ts";

/** A process that waits for a disk neither dies nor stops before the disk answers. */
const PATIENCE_MS = 10_000;
const POLL_MS = 1;

export interface Victims {
  readonly server: ServerProcesses;
  readonly supervisor: ProcEntry | null;
}

/** Supervisor, then postmaster: what would start others goes first. */
export function inOrder({ server, supervisor }: Victims): readonly ProcEntry[] {
  return [supervisor, server.postmaster, ...server.others].filter((entry) => entry !== null);
}

/** SIGKILL to all of them and to what they started in the meantime, until none is left. */
export async function killAll(place: NodePlace, first: Victims, clock: Clock, signal: AbortSignal): Promise<Signalled> {
  const seen = new Set<number>();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const begun = instant(clock);
  let done = begun;
  let victims = inOrder(first);
  while (victims.length > 0) {
    // All in one go: between two of them nothing else of ours runs.
    for (const victim of victims) send(victim, "SIGKILL", place.node);
    for (const { pid } of victims) seen.add(pid);
    await until(
      () => !victims.some(sameProcess),
      limit,
      () => stuck(place.node, "did not die", victims, signal),
    );
    done = instant(clock);
    victims = inOrder({ server: await serverProcesses(place), supervisor: null });
  }
  return { begun, done, processes: seen.size };
}

/** SIGSTOP to all of them, until every one stands still and no new one was found. */
export async function freezeAll(
  place: NodePlace,
  first: Victims,
  clock: Clock,
  signal: AbortSignal,
): Promise<Signalled> {
  const seen = new Set<number>();
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  const begun = instant(clock);
  let done = begun;
  let moving = inOrder(first);
  while (moving.length > 0) {
    for (const one of moving) send(one, "SIGSTOP", place.node);
    for (const { pid } of moving) seen.add(pid);
    await until(
      () => moving.every(standsStill),
      limit,
      () => stuck(place.node, "did not stop", moving, signal),
    );
    done = instant(clock);
    moving = inOrder({ server: await serverProcesses(place), supervisor: null }).filter((one) => one.state !== "T");
  }
  return { begun, done, processes: seen.size };
}

/**
 * SIGCONT: backends first, so that the postmaster lets nobody in before they can answer, and the supervisor last, so that it
 * finds a server that runs.
 */
export function thawAll(node: NodeSpec, victims: Victims): void {
  for (const one of inOrder(victims).toReversed()) send(one, "SIGCONT", node);
}

function standsStill(one: ProcEntry): boolean {
  const now = procEntry(one.pid);
  return now === null || now.startTicks !== one.startTicks || now.state === "T";
}

/** Not to a later process with the same number. Throws `NODE_SIGNAL` when we may not. */
export function send(one: ProcEntry, name: NodeJS.Signals, node: NodeSpec): void {
  if (!sameProcess(one)) return;
  try {
    process.kill(one.pid, name);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return;
    throw new StepError("permanent", "NODE_SIGNAL", `${name} to process ${one.pid} of ${node.name} is not allowed`, {
      hint: "run as root, or as the user that owns the data directory",
      cause: error,
    });
  }
}

export async function until(holds: () => boolean, limit: AbortSignal, late: () => Error): Promise<void> {
  while (!holds()) {
    if (limit.aborted) throw late();
    await delay(POLL_MS);
  }
}

function stuck(node: NodeSpec, what: string, all: readonly ProcEntry[], signal: AbortSignal): Error {
  if (signal.aborted) return signal.reason instanceof Error ? signal.reason : new Error("aborted");
  const left = all.filter(sameProcess).map(({ pid }) => pid);
  return new StepError(
    "permanent",
    "NODE_STUCK",
    `processes ${left.join(", ")} of ${node.name} ${what} within ${PATIENCE_MS / 1000} s`,
    { hint: "they wait for a disk or a device; look at their state with ps" },
  );
}
