import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { FullAnswer, FullOrder } from "./journal-full-child.ts";

const CHILD = fileURLToPath(new URL("journal-full-child.ts", import.meta.url));

/** In a mount namespace of its own, so that the file system is gone with the process, however that ends. */
const MOUNT = 'mount -t tmpfs -o size=1m,mode=700 tmpfs "$1" && exec "$2" "$3" "$1" "$4"';

/** Why no file system can be mounted here, or undefined. */
export function lacksMounts(): string | undefined {
  if (process.getuid?.() !== 0) return "not root: no small file system can be mounted";
  try {
    execFileSync("unshare", ["-m", "--propagation", "private", "true"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "no mount namespace on this machine";
  }
}

/** Drills on a small file system in a process of its own. */
export interface SmallDisk extends AsyncDisposable {
  ask(order: FullOrder): Promise<FullAnswer>;
}

export async function smallDisk(): Promise<SmallDisk> {
  const root = await mkdtemp(join(tmpdir(), "firedrill-engine-small-"));
  const [state, world] = [join(root, "state"), join(root, "world")];
  await Promise.all([state, world].map((dir) => mkdir(dir)));
  const args = ["-m", "--propagation", "private", "sh", "-c", MOUNT, "sh", state, process.execPath, CHILD, world];
  const child = spawn("unshare", args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = answers(child);
  return {
    async ask(order) {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      const next = await lines.next();
      if (next.done === true) throw new Error(`the drills ended before they answered ${JSON.stringify(order)}`);
      return next.value;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function* answers({ stdout }: ChildProcess): AsyncGenerator<FullAnswer, undefined> {
  if (stdout === null) throw new Error("the child's output is a pipe");
  // Written by the child.
  for await (const line of createInterface({ input: stdout })) yield JSON.parse(line) as FullAnswer;
  return undefined;
}
