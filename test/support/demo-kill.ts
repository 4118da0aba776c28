import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PROJECT } from "./cli-lab.ts";
import { firedrill, leftIn } from "./cli-run.ts";

export interface KilledDemo {
  readonly afterMs: number;
  readonly code: number | null;
  readonly stderr: string;
  /** Sandboxes, processes and mounts of the demo that are still there. */
  readonly left: {
    readonly folders: readonly string[];
    readonly processes: readonly number[];
    readonly mounts: readonly string[];
  };
}

/** Starts a small demo, sends it a signal at a moment, and looks at what is left; after SIGKILL, once `clean` has run. */
export async function killDemo(signal: "SIGINT" | "SIGKILL", afterMs: number): Promise<KilledDemo> {
  const dir = mkdtempSync(join(tmpdir(), "fd-demo-"));
  try {
    const demo = startDemo(dir);
    const ended = endOf(demo);
    // The moment is the point of the test: it is drawn at random, not a wait for something to be ready.
    await Promise.race([delay(afterMs), ended]);
    demo.kill(signal);
    const { code, stderr } = await ended;
    const state = join(dir, "state", "demo");
    if (signal === "SIGKILL") await firedrill(["clean", "--state", state], { cwd: dir });
    return { afterMs, code, stderr, left: { ...leftIn(state), mounts: mountsBelow(dir) } };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function startDemo(dir: string): ChildProcess {
  const argv = [join(PROJECT, "src/cli.ts"), "demo", "--rows", "20000", "--state", join(dir, "state")];
  return spawn(process.execPath, argv, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
}

function endOf(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stderr })));
}

function mountsBelow(dir: string): readonly string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(dir));
}
