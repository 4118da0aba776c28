import { execFile } from "node:child_process";
import { dyingWithUs } from "../../support/dying-with-us.ts";

export interface Bounded {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly stdin?: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface BoundedResult {
  /** Null: it could not be started, or was killed at the deadline or by the signal. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a short program to its end, at most for `timeoutMs`, and not after our own. Rejects only when the signal is aborted.
 */
export async function runBounded(run: Bounded): Promise<BoundedResult> {
  const [program = "", ...args] = [...(await dyingWithUs()), ...run.argv];
  const options = {
    env: run.env,
    cwd: run.cwd,
    timeout: run.timeoutMs,
    killSignal: "SIGKILL",
    signal: run.signal,
    ...run.user,
  } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { ...options, maxBuffer: 4 << 20 }, (error, stdout, stderr) => {
      if (run.signal.aborted) return reject(run.signal.reason as Error); // what AbortSignal carries is what we throw
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : null;
      return resolve({ code, stdout, stderr: stderr === "" && error !== null ? error.message : stderr });
    });
    // A program that ends before it read its input is judged by its exit code.
    child.stdin?.on("error", () => {}).end(run.stdin ?? "");
  });
}

/** Nothing of ours is handed on: no secret, no locale, no preloaded library. */
export const CLEAN_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};
