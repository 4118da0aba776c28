import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { identityOf, isAlive, type ProcessIdentity } from "../../support/process-identity.ts";
import { CLEAN_ENVIRONMENT } from "./bounded.ts";
import { asUser } from "./confine.ts";
import { markerOf } from "./layout.ts";
import { type Machine, unshareCommand } from "./machine.ts";
import { readWatchdog, type WatchdogRecord } from "./record.ts";
import { LOOK_SCRIPT, WATCHDOG_SCRIPT } from "./watchdog-script.ts";

const READY_MS = 5_000;

export interface WatchdogStart {
  readonly ref: SandboxRef;
  readonly ttlMs: number;
  readonly bootId: string;
  readonly selfUid: number;
  readonly machine: Machine;
  readonly signal: AbortSignal;
}

/**
 * Starts both in sessions of their own; resolves when they watch. They outlive us. The first owns the network namespace; the
 * second knows nothing of it and does the same a little later, so that the sandbox ends at its time to live although one of
 * the two was killed.
 */
export async function startWatchdog(start: WatchdogStart): Promise<WatchdogRecord> {
  const { ref, ttlMs, selfUid } = start;
  const seconds = Math.max(1, Math.ceil(ttlMs / 1000));
  const shell = shellCommand(start, { name: "firedrill-watchdog", seconds, pauseS: 1 });
  const first = ref.fence === "network-namespace" ? [...unshareCommand(selfUid), ...shell] : shell;
  const second = shellCommand(start, {
    name: "firedrill-second",
    seconds: seconds + SECOND_LATER_S,
    pauseS: SECOND_PAUSE_S,
  });
  // One after the other: what a failed start leaves is one process at most.
  const watchdog = await startOne(first, "watchdog.log", start);
  try {
    return { ...watchdog, second: await startOne(second, "watchdog-second.log", start) };
  } catch (error) {
    process.kill(watchdog.pid, "SIGKILL");
    throw error;
  }
}

/** The first one ends the sandbox; it gets this long before the second begins as well. */
const SECOND_LATER_S = 2;
const SECOND_PAUSE_S = 5;

async function startOne(argv: readonly string[], logName: string, start: WatchdogStart): Promise<ProcessIdentity> {
  const logPath = join(start.ref.dir, logName);
  const log = openSync(logPath, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    cwd: start.ref.dir,
    env: CLEAN_ENVIRONMENT,
    detached: true,
    stdio: ["ignore", "pipe", log],
  });
  closeSync(log);
  try {
    await untilReady(child, start.signal);
  } catch (cause) {
    child.kill("SIGKILL");
    start.signal.throwIfAborted();
    throw new StepError(
      "permanent",
      "SANDBOX_WATCHDOG",
      `The watchdog of sandbox ${start.ref.id} did not start: ${readFileSync(logPath, "utf8").trim() || String(cause)}.`,
      {
        hint: "Run `firedrill doctor` to see what this machine lacks.",
        cause,
      },
    );
  }
  child.stdout?.destroy();
  child.unref();
  return identify(child.pid, start);
}

interface Shell {
  readonly name: string;
  readonly seconds: number;
  readonly pauseS: number;
}

function shellCommand({ ref, bootId, machine }: WatchdogStart, { name, seconds, pauseS }: Shell): readonly string[] {
  const lookAs = machine.seesServers || !machine.setpriv ? [] : asUser(ref, machine.search);
  const words = [ref.dir, `${seconds}`, bootId, markerOf(ref.id), LOOK_SCRIPT, `${pauseS}`, ...lookAs];
  return ["/bin/sh", "-c", WATCHDOG_SCRIPT, name, ...words];
}

function untilReady(child: ChildProcess, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(READY_MS)]);
    deadline.addEventListener("abort", () => reject(new Error(`not ready within ${READY_MS} ms`)), { once: true });
    child.once("error", reject);
    child.once("exit", (code: number | null) => reject(new Error(`ended with exit code ${code}`)));
    child.stdout?.once("data", () => resolve());
  });
}

function identify(pid: number | undefined, { ref, bootId }: WatchdogStart): ProcessIdentity {
  const identity = pid === undefined ? null : identityOf(pid, bootId);
  if (identity !== null) return identity;
  throw new StepError(
    "permanent",
    "SANDBOX_WATCHDOG",
    `The watchdog of sandbox ${ref.id} ended as soon as it had started.`,
  );
}

/** Nothing starts, and nothing is probed, in a sandbox that nobody would end. */
export function livingWatchdog(ref: SandboxRef, bootId: string): WatchdogRecord {
  const watchdog = readWatchdog(ref.dir);
  if (watchdog !== null && isAlive(watchdog, bootId)) return watchdog;
  throw new StepError(
    "permanent",
    "SANDBOX_GONE",
    `Sandbox ${ref.id} is not there any more: its watchdog does not run.`,
    {
      hint: "Its time to live may have been shorter than the drill: raise `ttl` of the step sandbox/create.",
    },
  );
}
