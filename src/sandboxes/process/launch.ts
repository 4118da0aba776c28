import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, fstatSync, openSync, realpathSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import type { SandboxRef } from "../../drills/sandbox-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import type { Launch, Launched } from "../../steps/ports/sandbox.ts";
import { CLEAN_ENVIRONMENT } from "./bounded.ts";
import type { Confinement } from "./confine.ts";
import { markerOf } from "./layout.ts";

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/u;

/** Refuses what would not be found again or could not run, before anything is started. */
export function checkLaunch(ref: SandboxRef, launch: Launch): void {
  const [program = ""] = launch.argv;
  if (!NAME.test(launch.name)) throw wrong(`"${launch.name}" is no name for a log file`);
  if (!isAbsolute(program)) throw wrong(`"${program}" is not an absolute path of a program`);
  if (!isInside(ref.dir, launch.cwd)) throw wrong(`the working directory ${launch.cwd} is not inside the sandbox`);
  try {
    accessSync(program, constants.X_OK);
  } catch (cause) {
    throw wrong(`${program} cannot be executed`, cause);
  }
}

function isInside(dir: string, path: string): boolean {
  try {
    return `${realpathSync(path)}/`.startsWith(`${dir}/`);
  } catch {
    return false;
  }
}

function wrong(why: string, cause?: unknown): StepError {
  return new StepError("permanent", "SANDBOX_LAUNCH", `Cannot start a program in the sandbox: ${why}.`, { cause });
}

/** Starts it in a session of its own with a clean environment; it lives on when we end. */
export async function launchConfined(ref: SandboxRef, launch: Launch, confinement: Confinement): Promise<Launched> {
  const logPath = join(ref.dir, "log", `${launch.name}.log`);
  const log = openLog(logPath);
  const [program = "", ...args] = confinement.argv;
  const marker = markerOf(ref.id).split("=");
  const env = { ...CLEAN_ENVIRONMENT, HOME: ref.dir, ...launch.env, [marker[0] ?? ""]: marker[1] ?? "" };
  try {
    const child = spawn(program, args, {
      cwd: launch.cwd,
      env,
      detached: true,
      stdio: ["ignore", log, log],
      ...confinement.user,
    });
    return { ...(await started(child)), logPath };
  } finally {
    closeSync(log);
  }
}

/** The folder belongs to the server: it must not make us write through a link of its own, nor wait for ever at a FIFO. */
function openLog(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const log = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    if (fstatSync(log).isFile()) return log;
    closeSync(log);
  } catch (cause) {
    throw wrong(`its log ${path} cannot be opened`, cause);
  }
  throw wrong(`its log ${path} is not a file`);
}

function started(child: ChildProcess): Promise<Omit<Launched, "logPath">> {
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(wrong(cause.message, cause)));
    child.once("spawn", () => {
      child.unref();
      resolve({ pid: child.pid ?? 0, exited });
    });
  });
}
