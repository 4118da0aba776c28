import { basename, dirname } from "node:path";
import { nodeDatabase } from "../../../drills/node-database.ts";
import { HeldFolder, type Owner, removeTree } from "../held-folder.ts";
import type { Divergence } from "./divergence.ts";
import { restoreOwnFiles, writeNote } from "./own-files.ts";
import { isFolder, type RebuildPlace, swapIn } from "./rebuild-place.ts";
import type { RebuildWork } from "./rebuild-deps.ts";
import { makeStandby } from "./standby-settings.ts";

/**
 * A new copy of the primary beside the old data directory, complete with this server's own files, which then takes its place. Throws
 * what `BackupMaker` throws, and `REBUILD_SWAP`.
 */
export async function baseCopy(work: RebuildWork, diverged: Divergence): Promise<void> {
  const { request, place, conninfo } = work;
  const bytes = await copyPrimary(work);
  await giveTree(place.fresh, place.owner);
  await restoreOwnFiles(place, place.fresh);
  await makeStandby(place.fresh, conninfo, place.owner);
  // What pg_rewind kept before it failed is all there is of it: it took the rest away.
  const keep = diverged.kind !== "none" && !request.discardDivergent && !(await isFolder(place.diverged));
  if (!keep) await removeTree(place.old);
  await swapIn(place, keep ? place.diverged : place.old);
  await writeNote(place, { rewinding: false, done: "base_copy", bytes });
}

async function copyPrimary({ deps, request, place, watch }: RebuildWork): Promise<number> {
  const database = nodeDatabase(request.system, request.primary);
  const { owner } = request;
  const into = dirname(place.fresh);
  const name = basename(place.fresh);
  const copy = {
    database,
    into,
    name,
    method: "auto",
    format: "plain",
    label: `firedrill rebuild of ${request.node.name}`,
    checkpoint: "fast",
    owner,
  } as const;
  const prepared = await deps.maker.prepare(copy, owner);
  if (prepared.kind === "finished") return prepared.backup.bytes;
  await request.beforeCopy(prepared.locator);
  return (await deps.maker.create(copy, watch)).bytes;
}

/** We made it as ourselves; its server refuses a folder that is not its own. Its parent may be the server's user's, who can put another in its place. */
export async function giveTree(fresh: string, owner: Owner): Promise<void> {
  await using folder = await HeldFolder.open(fresh);
  await folder.giveTree(process.getuid?.() ?? 0, owner);
}

/** What is not kept goes when the new one streams, and not before. */
export async function removeOld(place: RebuildPlace): Promise<void> {
  for (const path of [place.old, place.own]) if (await isFolder(path)) await removeTree(path);
}
