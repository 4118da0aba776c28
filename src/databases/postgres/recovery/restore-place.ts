import { stat } from "node:fs/promises";
import { join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import type { RestorePlace } from "../../../steps/ports/restore-place.ts";
import type { Sandboxes } from "../../../steps/ports/sandbox.ts";
import { HeldFolder } from "../held-folder.ts";
import { stopServer } from "../server-stop.ts";

const FILLED = ["data", "tablespaces", "spool", "socket"] as const;
const OURS = { uid: -1, gid: -1 };

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
      await using root = await HeldFolder.open(sandbox.dir);
      for (const name of FILLED) {
        signal.throwIfAborted();
        await root.makeEmpty(name, OURS);
        await sandboxes.own(sandbox, join(sandbox.dir, name));
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
