import { mkdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { StepError } from "../../../drills/step-error.ts";
import { parseWalFileName } from "../../../formats/postgres/wal-file-name.ts";
import { HeldFolder } from "../held-folder.ts";
import { openPlainFile } from "../plain-file.ts";
import type { Divergence } from "./divergence.ts";
import type { RebuildPlace } from "./rebuild-place.ts";

/**
 * pg_rewind takes away what only this server has: the WAL past the fork is all of it. We may be root, and both folders are its
 * user's: nothing is read or written through a link. Throws `REBUILD_PLANTED`.
 */
export async function keepDivergentWal(place: RebuildPlace, diverged: Divergence): Promise<void> {
  if (diverged.kind !== "diverged") return;
  await using parent = await HeldFolder.open(dirname(place.diverged));
  await using kept = await made(parent, basename(place.diverged));
  await using into = await made(kept, "pg_wal");
  await using from = await ownFolder(join(place.dataDir, "pg_wal"), place);
  for (const name of await from.names()) {
    const parsed = parseWalFileName(name, SMALLEST_SEGMENT);
    if (parsed?.kind !== "segment" && parsed?.kind !== "timeline-history") continue;
    if (parsed.kind === "segment" && parsed.timeline !== diverged.timeline) continue;
    await copyOwn(from, into, name, place);
  }
  await using global = await ownFolder(join(place.dataDir, "global"), place);
  await copyOwn(global, kept, "pg_control", place);
  for (const folder of [into, kept]) await folder.give(place.owner, 0o700);
}

async function made(parent: HeldFolder, name: string): Promise<HeldFolder> {
  await mkdir(parent.path(name), { mode: 0o700 }).catch(() => undefined); // what stands there is looked at next
  return parent.folder(name).catch(() => {
    throw planted(name, "is no folder");
  });
}

/** `pg_wal` may lead to another disk: what counts is whose folder that is. */
async function ownFolder(path: string, { owner }: RebuildPlace): Promise<HeldFolder> {
  const folder = await HeldFolder.open(await realpath(path));
  if ((await folder.uid()) === owner.uid) return folder;
  await folder[Symbol.asyncDispose]();
  throw planted(path, "leads to a folder of another user");
}

async function copyOwn(from: HeldFolder, into: HeldFolder, name: string, { owner }: RebuildPlace): Promise<void> {
  const source = await openPlainFile(from.path(name)).catch(() => {
    throw planted(name, "is no ordinary file");
  });
  try {
    if ((await source.stat()).uid !== owner.uid) throw planted(name, "is another user's");
    await into.remove(name);
    await into.copyIn(name, source, owner, 0o600);
  } finally {
    await source.close();
  }
}

function planted(name: string, why: string): StepError {
  return new StepError("permanent", "REBUILD_PLANTED", `${name} of the old server ${why}: it is not touched`, {
    hint: "a server makes no such thing: look who put it there; `method: base_copy` keeps the folder as it is",
  });
}

/** Any size does for telling a segment's name: the smallest takes every one. */
const SMALLEST_SEGMENT = 0x10_0000;
