import { lstat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { StepError } from "../../drills/step-error.ts";
import { findProcesses, type FoundProcess, killFound } from "../../support/processes.ts";
import { startTicksOf } from "../../support/process-identity.ts";
import { CLEAN_ENVIRONMENT, runBounded } from "./bounded.ts";
import { enterNothing } from "./confine.ts";
import { markerOf, type SandboxLocator } from "./layout.ts";
import type { Machine } from "./machine.ts";
import { LOOK_SCRIPT } from "./watchdog-script.ts";

const KILL_MS = 20_000;
/** A copy of several terabytes; the caller's signal usually ends it earlier. */
const REMOVE_MS = 3_600_000;

/** Kills every process of a sandbox until none is left, then removes its folder. May be called again and again. */
export async function removeSandbox(target: SandboxLocator, machine: Machine, signal: AbortSignal): Promise<void> {
  await killAll(target, machine, signal);
  const what = await lstat(target.dir).catch(() => null);
  if (what === null) return;
  // A link in our place would be somebody else's folder: only the link itself may go, and a person should know.
  if (!what.isDirectory()) throw stuck(target, "it is not a folder (a link or a file stands in its place)");
  await removeFolder(target, signal);
}

async function killAll(target: SandboxLocator, machine: Machine, signal: AbortSignal): Promise<void> {
  const deadline = AbortSignal.timeout(KILL_MS);
  for (let round = 0; ; round += 1) {
    signal.throwIfAborted();
    const { alive } = await membersOf(target, machine, signal);
    if (alive.length === 0) return;
    if (deadline.aborted) throw stuck(target, `processes do not end: ${alive.map(({ pid }) => pid).join(", ")}`);
    for (const member of alive) kill(member, target);
    await sleep(Math.min(20, round), undefined, { signal });
  }
}

function kill(member: FoundProcess, target: SandboxLocator): void {
  try {
    killFound(member);
  } catch (cause) {
    throw stuck(target, `process ${member.pid} may not be killed by us (${String(cause)})`);
  }
}

export interface Members {
  readonly alive: readonly FoundProcess[];
  readonly looked: number;
}

/** Asks `/proc`, and where that is denied to us, again as the service user. */
export async function membersOf(target: SandboxLocator, machine: Machine, signal: AbortSignal): Promise<Members> {
  const search = findProcesses({ dir: target.dir, marker: markerOf(target.id), uid: target.uid });
  if (machine.seesServers || search.hidden.length === 0) return { alive: search.found, looked: search.looked };
  const argv = ["/bin/sh", "-c", LOOK_SCRIPT, "look", target.dir, markerOf(target.id)];
  const as = enterNothing(argv, target, machine.setpriv, machine.search);
  const answer = await runBounded({ ...as, env: CLEAN_ENVIRONMENT, cwd: "/", timeoutMs: 30_000, signal });
  const pids = new Set(answer.stdout.split("\n").filter(Boolean).map(Number));
  const seen = search.hidden.filter(({ pid, startTicks }) => pids.has(pid) && startTicksOf(pid) === startTicks);
  return { alive: [...search.found, ...seen], looked: search.looked };
}

/** `rm` walks by directory descriptors and never follows a link, also when somebody swaps one in meanwhile. */
async function removeFolder(target: SandboxLocator, signal: AbortSignal): Promise<void> {
  const run = (argv: readonly string[]) =>
    runBounded({ argv, env: CLEAN_ENVIRONMENT, cwd: "/", timeoutMs: REMOVE_MS, signal });
  const first = await run(["rm", "-rf", "--", target.dir]);
  if (first.code === 0) return;
  // A folder without write permission stops its owner, not root.
  await run(["chmod", "-R", "u+rwX", target.dir]);
  const second = await run(["rm", "-rf", "--", target.dir]);
  if (second.code !== 0) throw stuck(target, second.stderr.trim().split("\n")[0] ?? "rm failed");
}

function stuck(target: SandboxLocator, why: string): StepError {
  return new StepError("permanent", "SANDBOX_STUCK", `Sandbox ${target.id} cannot be removed: ${why}.`, {
    hint: `Look at ${target.dir}, then run \`firedrill clean\`.`,
    details: { dir: target.dir },
  });
}
