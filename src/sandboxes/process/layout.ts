import { createHash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { StepError } from "../../drills/step-error.ts";
import type { JsonObject } from "../../support/json.ts";

/** `sb-<8 hex of the installation>-<12 random hex>`: all ids have one length, so none is the beginning of another. */
const ID = /^sb-[0-9a-f]{8}-[0-9a-f]{12}$/u;

/** Folders of a sandbox that belong to the service user. */
export const SERVICE_FOLDERS = ["data", "tablespaces", "socket", "spool", "log"] as const;

/** Ids of one installation begin with this, also where `sandbox.json` is lost. */
export function idPrefix(installation: string): string {
  return `sb-${createHash("sha256").update(installation).digest("hex").slice(0, 8)}-`;
}

export function isSandboxId(name: string): boolean {
  return ID.test(name);
}

/**
 * `<state>/sandboxes` as the kernel writes it in `/proc/<pid>/cwd`: without symbolic links. The part that does not exist
 * yet is taken as it stands.
 */
export function sandboxesRoot(stateDir: string): string {
  return realPath(join(resolve(stateDir), "sandboxes"));
}

function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : join(realPath(parent), basename(path));
}

/** What the ledger keeps of a sandbox: enough to remove it when nothing else is known. */
export interface SandboxLocator {
  readonly id: string;
  readonly dir: string;
  readonly uid: number;
  readonly gid: number;
}

const locatorSchema = z.object({
  id: z.string().regex(ID),
  dir: z.string(),
  uid: z.number().int(),
  gid: z.number().int(),
});

/** Refuses every locator that does not name a direct sub-folder of our sandboxes. */
export function readLocator(root: string, locator: JsonObject): SandboxLocator {
  const read = locatorSchema.safeParse(locator);
  if (read.success && read.data.dir === join(root, read.data.id)) return read.data;
  throw new StepError(
    "permanent",
    "SANDBOX_LOCATOR",
    `The ledger names a sandbox that is not one of ours: ${JSON.stringify(locator)}.`,
    {
      hint: `A sandbox is a folder in ${root}. Run the command with the state directory (--state) the run was started with.`,
    },
  );
}

/** Environment marker that every process of a sandbox inherits. */
export function markerOf(id: string): `${string}=${string}` {
  return `FIREDRILL_SANDBOX=${id}`;
}
