import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { identityOf, isAlive } from "../../support/process-identity.ts";
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

/** Starts it in a session of its own; resolves when it watches. It outlives us, and owns the network namespace. */
export async function startWatchdog(start: WatchdogStart): Promise<WatchdogRecord> {
  const logPath = join(start.ref.dir, "watchdog.log");
  const log = openSync(logPath, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
  const [program = "", ...args] = watchdogCommand(start);
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

function watchdogCommand({ ref, ttlMs, bootId, selfUid, machine }: WatchdogStart): readonly string[] {
  const seconds = `${Math.max(1, Math.ceil(ttlMs / 1000))}`;
  const lookAs = machine.seesServers || !machine.setpriv ? [] : asUser(ref, machine.search);
  const shell = [
    "/bin/sh",
    "-c",
    WATCHDOG_SCRIPT,
    "firedrill-watchdog",
    ref.dir,
    seconds,
    bootId,
    markerOf(ref.id),
    LOOK_SCRIPT,
    ...lookAs,
  ];
  return ref.fence === "network-namespace" ? [...unshareCommand(selfUid), ...shell] : shell;
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

function identify(pid: number | undefined, { ref, bootId }: WatchdogStart): WatchdogRecord {
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
