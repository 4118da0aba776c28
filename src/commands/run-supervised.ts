import { type ChildProcess, spawn } from "node:child_process";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { StepError } from "../drills/step-error.ts";
import type { CommandEnd } from "../steps/ports/commands.ts";
import { type Clock, type Instant, instant } from "../support/clock.ts";
import type { Redactor } from "../support/redact.ts";
import { collect } from "./bounded-output.ts";
import { endMarked, MARKER } from "./marked-processes.ts";
import { SUPERVISOR_SCRIPT } from "./supervisor-script.ts";

export interface Supervised {
  readonly token: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface RunDeps {
  readonly clock: Clock;
  readonly redactor: Pick<Redactor, "text">;
  /** Keeps a reference to the supervisor's pipe, so that it stays open. */
  hold(token: string, child: ChildProcess): void;
}

/** Time to end in order after SIGTERM: a halt must be through within five seconds. */
const TERM_MS = 1000;
/** What a command has written when it ends is read within this time, although something it left behind holds its output open. */
const LINGER_MS = 250;
/** Nothing of ours is handed on: no secret, no locale, no preloaded library. */
const CLEAN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};

/** Runs a command to its end in a session of its own. Rejects with the signal's reason when that is aborted. */
export async function runSupervised(command: Supervised, deps: RunDeps, signal: AbortSignal): Promise<CommandEnd> {
  signal.throwIfAborted();
  const begun = instant(deps.clock);
  const child = spawn("/bin/sh", ["-c", SUPERVISOR_SCRIPT, "firedrill-command", command.token, ...command.argv], {
    cwd: command.cwd,
    env: { ...CLEAN_ENVIRONMENT, ...command.env, [MARKER]: command.token },
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  deps.hold(command.token, child);
  const [stdout, stderr] = [collect(piped(child.stdout)), collect(piped(child.stderr))];
  try {
    const end = await ended(child, command, deps.clock, signal);
    await Promise.race([Promise.all([stdout.ended, stderr.ended]), delay(LINGER_MS)]);
    return { begun, ...end, stdout: stdout.output(deps.redactor), stderr: stderr.output(deps.redactor) };
  } finally {
    letGo(child);
  }
}

/** The runtime's types do not know which of the descriptors are pipes. */
function piped(stream: Readable | null): Readable {
  if (stream === null) throw new TypeError("the command's output is no pipe");
  return stream;
}

interface End {
  readonly done: Instant;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

async function ended(child: ChildProcess, command: Supervised, clock: Clock, signal: AbortSignal): Promise<End> {
  const exited = new Promise<End>((resolve, reject) => {
    child.once("error", (cause) => reject(notStarted(command, cause)));
    child.once("exit", (exitCode, by) => resolve({ done: instant(clock), exitCode, signal: by }));
  });
  const aborted = Promise.withResolvers<"aborted">();
  const onAbort = (): void => aborted.resolve("aborted");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const first = await Promise.race([exited, aborted.promise]);
    if (first !== "aborted") return first;
    await endEarly(child, command.token, exited);
    signal.throwIfAborted();
    return await exited;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** SIGTERM to the group, then SIGKILL to whoever is left, background work included. */
async function endEarly(child: ChildProcess, token: string, exited: Promise<End>): Promise<void> {
  try {
    // Not reaped yet: `exit` has not fired, so the number is still the command's.
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, "SIGTERM");
  } catch {
    // It is just ending, or became another user's: SIGKILL below.
  }
  await Promise.race([exited.catch(() => undefined), delay(TERM_MS)]);
  await endMarked(token);
}

function notStarted({ argv, cwd }: Supervised, cause: Error): StepError {
  return new StepError("permanent", "COMMAND_START", `${argv[0] ?? ""} did not start in ${cwd}: ${cause.message}`, {
    hint: "is the folder under `cwd` there?",
    cause,
  });
}

/** It must not keep this process alive: what it left behind may hold its output open for hours. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of child.stdio) if (stream instanceof Socket) stream.unref();
}
