import { spawn } from "node:child_process";
import { open } from "node:fs/promises";
import type { Launched } from "../../steps/ports/sandbox.ts";
import type { ServiceUser } from "./service-user.ts";

export interface LaunchSpec {
  /** Absolute program and arguments; never a shell string. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logPath: string;
}

/** Starts a long-lived program; a sandbox brings its own. */
export type Launcher = (spec: LaunchSpec, signal: AbortSignal) => Promise<Launched>;

/** A plain child process in a process group of its own, without any fence: for the servers of a lab. */
export function spawnLauncher(user: ServiceUser | null): Launcher {
  return async (spec) => {
    const [program = "", ...args] = spec.argv;
    const log = await open(spec.logPath, "a", 0o600);
    try {
      const stdio: ["ignore", number, number] = ["ignore", log.fd, log.fd];
      const child = spawn(program, args, { ...user, cwd: spec.cwd, env: spec.env, stdio, detached: true });
      const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
        child.once("exit", (code, signal) => resolve({ code, signal }));
        child.once("error", () => resolve({ code: 127, signal: null }));
      });
      return { pid: child.pid ?? -1, exited, logPath: spec.logPath };
    } finally {
      await log.close();
    }
  };
}
