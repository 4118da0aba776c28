import { spawn } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { StepError } from "../../../drills/step-error.ts";
import { dyingWithUs } from "../../../support/dying-with-us.ts";
import { readLogTail } from "../server-log.ts";
import { openNodeLog } from "./node-log.ts";

export interface ArgvRun {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Its output; a file, as a server that it starts writes there for as long as it lives. */
  readonly logPath: string;
}

/** `late`: the signal ended it. */
export type ArgvEnd = { readonly kind: "done" | "late" } | { readonly kind: "failed"; readonly why: string };

/** Runs a program of the inventory, without a shell, until it ends, the signal ends it, or we die; a server that it started lives on. */
export async function runArgv({ argv, env, logPath }: ArgvRun, signal: AbortSignal): Promise<ArgvEnd> {
  const [name = ""] = argv;
  const missing = await notThere(name);
  if (missing !== null) return { kind: "failed", why: `${name}: ${missing}` };
  const [program = "", ...args] = [...(await dyingWithUs()), ...argv];
  const log = await openNodeLog(logPath);
  const ended = Promise.withResolvers<ArgvEnd>();
  const child = spawn(program, args, { env, cwd: "/", stdio: ["ignore", log.fd, log.fd] });
  child.once("error", (error) => ended.resolve({ kind: "failed", why: `${name}: ${error.message}` }));
  child.once("exit", (code, by) => {
    ended.resolve(code === 0 ? { kind: "done" } : { kind: "failed", why: `${name} ended with ${by ?? code}` });
  });
  const onAbort = (): void => {
    child.kill("SIGKILL");
    ended.resolve({ kind: "late" });
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await ended.promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    await log.close();
  }
}

/** What stands before it would say so in other words. A bare name is looked for in `PATH`, by whoever runs it. */
async function notThere(program: string): Promise<string | null> {
  if (!program.includes("/")) return null;
  return access(program, constants.X_OK).then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

export async function argvError(code: "NODE_START" | "NODE_STOP", why: string, logPath: string): Promise<StepError> {
  const words = (await readLogTail(logPath, 2000)).trim().split("\n").at(-1) ?? "";
  return new StepError("permanent", code, words === "" ? why : `${why}: ${words}`, {
    hint: `run the command of the inventory by hand; its output is in ${logPath}`,
  });
}
