import { lstat, realpath, rename, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { NodeSpec } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";
import { syncDirectory } from "../../../support/atomic-file.ts";
import type { Owner } from "../held-folder.ts";

/** A data directory that is made anew, and the folders beside it that a rebuild uses, named after the run. */
export interface RebuildPlace {
  readonly dataDir: string;
  readonly owner: Owner;
  /** A base copy before it takes the data directory's name. */
  readonly fresh: string;
  /** What only the old server has. */
  readonly diverged: string;
  /** The old data directory on its way out. */
  readonly old: string;
  /** The server's own configuration, and the note of how far we are. */
  readonly own: string;
}

/** Ends a swap that was cut off between its two renames. Throws `NODE_NOT_LOCAL`, `REBUILD_NOT_FOUND`. */
export async function rebuildPlace({ name, dataDir: named }: NodeSpec, run: string): Promise<RebuildPlace> {
  if (named === null) {
    throw new StepError(
      "permanent",
      "NODE_NOT_LOCAL",
      `${name} cannot be rebuilt from here: the inventory names no data directory`,
      {
        hint: "set `dataDir` of the node when this machine runs it, else use command/run with your own tool",
      },
    );
  }
  const linked = await realpath(named).catch(() => named);
  const parent = await realpath(dirname(linked)).catch(() => dirname(linked));
  const base = basename(linked);
  const beside = (what: string): string => join(parent, `${base}.${what}-${run}`);
  const paths = {
    dataDir: join(parent, base),
    fresh: beside("new"),
    diverged: beside("diverged"),
    old: beside("old"),
    own: beside("own"),
  };
  // S2: the first rename was done, the second not.
  if (!(await isFolder(paths.dataDir)) && (await isFolder(paths.fresh))) await moveInto(paths.fresh, paths.dataDir);
  const info = await stat(paths.dataDir).catch(() => null);
  if (!info?.isDirectory()) {
    throw new StepError("permanent", "REBUILD_NOT_FOUND", `there is no data directory ${paths.dataDir} of ${name}`, {
      hint: "whose it is and how its server is configured is taken from there",
    });
  }
  return { ...paths, owner: { uid: info.uid, gid: info.gid } };
}

/**
 * Two renames, the old one first; between them there is no data directory, which is how a later attempt knows that the new one is complete.
 * Throws `REBUILD_SWAP`.
 */
export async function swapIn(place: RebuildPlace, former: string): Promise<void> {
  try {
    await moveInto(place.dataDir, former);
    await moveInto(place.fresh, place.dataDir);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StepError(
      "permanent",
      "REBUILD_SWAP",
      `${place.fresh} cannot take the place of ${place.dataDir}: ${why}`,
      {
        hint: "a data directory that is a mount point cannot be renamed: let it be a folder below",
        cause: error,
      },
    );
  }
}

async function moveInto(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

/** Of itself, not through a link. */
export async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isDirectory() ?? false;
}
