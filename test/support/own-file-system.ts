import { execFile } from "node:child_process";
import { mkdir, rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { NodeSpec } from "../../src/drills/inventory.ts";
import type { NodeControl } from "../../src/steps/ports/node-control.ts";

const run = promisify(execFile);
const signal = new AbortController().signal;

/** A file system of its own below the folder; root only. */
export async function mountTmpfs(dir: string, size: string): Promise<AsyncDisposable> {
  await mkdir(dir, { recursive: true });
  await run("mount", ["-t", "tmpfs", "-o", `size=${size},mode=755`, "tmpfs", dir]);
  return { [Symbol.asyncDispose]: async () => void (await run("umount", ["-l", dir])) };
}

/** A server in the same place, the folder above its data on a file system of its own. Its processes must be gone before it is disposed of. */
export async function ontoTmpfs(node: NodeSpec, control: NodeControl, size: string): Promise<AsyncDisposable> {
  const dir = dirname(node.dataDir ?? "/nonexistent/data");
  const aside = `${dir}-aside`;
  await control.stop(node, "fast", 20_000, signal);
  await run("cp", ["-a", "-T", dir, aside]);
  const mounted = await mountTmpfs(dir, size);
  await run("cp", ["-a", "-T", aside, dir]);
  await rm(aside, { recursive: true });
  await control.start(node, signal);
  return {
    async [Symbol.asyncDispose]() {
      await mounted[Symbol.asyncDispose]();
      await rmdir(dir).catch(() => undefined);
    },
  };
}
