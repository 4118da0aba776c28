import { execFile, execFileSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { FaultReport } from "./journal-fault-child.ts";

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL("journal-fault-child.ts", import.meta.url));

/** Why no system call can be made to fail here, or undefined. */
export function lacksStrace(): string | undefined {
  try {
    execFileSync("strace", ["-qq", "-o", "/dev/null", "true"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "no strace on this machine, or it may trace nothing";
  }
}

/**
 * A drill in `<dir>/state` and `<dir>/world` of which the n-th call fails with EIO, once: what comes after it would succeed. `fdatasync` is
 * called for the journal's records and for nothing else, `fsync` for whole files and for folders.
 */
export async function drillWithFailingSync(
  dir: string,
  call: "fdatasync" | "fsync",
  nth: number,
): Promise<FaultReport> {
  const [state, world] = [join(dir, "state"), join(dir, "world")];
  await Promise.all([state, world].map((each) => mkdir(each, { recursive: true })));
  // Calls are counted by thread: one thread makes them all.
  const env = { ...process.env, UV_THREADPOOL_SIZE: "1" };
  const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:error=EIO:when=${nth}`];
  const { stdout } = await run(
    "strace",
    ["-f", "-qq", "-o", "/dev/null", "--seccomp-bpf", ...inject, process.execPath, CHILD, state, world],
    { env },
  );
  // Written by the child.
  return JSON.parse(stdout) as FaultReport;
}
