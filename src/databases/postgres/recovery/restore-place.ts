import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import type { RestorePlace } from "../../../steps/ports/restore-place.ts";
import type { Sandboxes } from "../../../steps/ports/sandbox.ts";
import { stopServer } from "../server-stop.ts";

const FILLED = ["data", "tablespaces", "spool", "socket"] as const;

export function createRestorePlace(sandboxes: Pick<Sandboxes, "own">): RestorePlace {
  return {
    async prepare(sandbox, signal) {
      await requireFolder(sandbox.dir);
      const [dir, tablespaceRoot, spool] = [
        join(sandbox.dir, "data"),
        join(sandbox.dir, "tablespaces"),
        join(sandbox.dir, "spool"),
      ];
      await stopServer(dir, "immediate", 5000);
      for (const name of FILLED) {
        signal.throwIfAborted();
        await emptyFolder(join(sandbox.dir, name), (path) => sandboxes.own(sandbox, path));
      }
      return { files: { dir, tablespaceRoot, uid: sandbox.uid, gid: sandbox.gid }, spool: { dir: spool, sandbox } };
    },
  };
}

async function requireFolder(dir: string): Promise<void> {
  if ((await stat(dir).catch(() => null))?.isDirectory() === true) return;
  throw new StepError("permanent", "RESTORE_PLACE", `the sandbox's folder ${dir} is not there`, {
    hint: "its time to live may be over: give `sandbox/create` a longer `ttl`",
  });
}

async function emptyFolder(dir: string, own: (path: string) => Promise<void>): Promise<void> {
  const entries = await readdir(dir).catch(() => null);
  if (entries === null) {
    await mkdir(dir, { mode: 0o700 });
    await own(dir);
  } else {
    await Promise.all(entries.map((name) => rm(join(dir, name), { recursive: true, force: true })));
  }
}
