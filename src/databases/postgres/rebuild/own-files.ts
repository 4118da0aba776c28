import { lstat, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { writeJsonAtomic } from "../../../support/atomic-file.ts";
import { HeldFolder, type Owner, removeTree } from "../held-folder.ts";
import { readPlainFile } from "../plain-file.ts";
import { isFolder, type RebuildPlace } from "./rebuild-place.ts";

/**
 * What belongs to this server and not to its data: the ordinary files at the top of the data directory that are not PostgreSQL's own:
 * configuration, keys, `postmaster.opts`. A copy of the primary, and pg_rewind, bring the primary's.
 */
const NOT_OWN =
  /^(?:PG_VERSION|backup_label.*|backup_manifest|tablespace_map.*|postmaster\.pid|standby\.signal|recovery\.signal|current_logfiles|.*\.log|\..*)$/u;
const MAX_BYTES = 4 * 1024 * 1024;

const noteSchema = z.object({
  v: z.literal(1),
  /** pg_rewind was begun: until it is done the data directory is no database. */
  rewinding: z.boolean(),
  done: z.enum(["pg_rewind", "base_copy"]).nullable(),
  bytes: z.number().nullable(),
});
export type RebuildNote = Omit<z.output<typeof noteSchema>, "v">;

const NOTE = ".firedrill.json";
const BLANK: RebuildNote = { rewinding: false, done: null, bytes: null };

/** Copies them aside, once for all attempts of a run: later the folder may hold the primary's. */
export async function saveOwnFiles(place: RebuildPlace): Promise<RebuildNote> {
  if (await isFolder(place.own)) return readNote(place);
  const partial = `${place.own}.partial`;
  await removeTree(partial);
  await mkdir(partial, { mode: 0o700 });
  await using from = await HeldFolder.open(place.dataDir);
  await using into = await HeldFolder.open(partial);
  await copyOwn(from, into, { uid: -1, gid: -1 });
  await rename(partial, place.own);
  await writeNote(place, BLANK);
  return BLANK;
}

export async function restoreOwnFiles(place: RebuildPlace, target: string): Promise<void> {
  await using from = await HeldFolder.open(place.own);
  await using into = await HeldFolder.open(target);
  await copyOwn(from, into, place.owner);
}

async function copyOwn(from: HeldFolder, into: HeldFolder, owner: Owner): Promise<void> {
  for (const name of await from.names()) {
    if (NOT_OWN.test(name)) continue;
    const info = await lstat(from.path(name)).catch(() => null);
    if (info === null || !info.isFile() || info.size > MAX_BYTES) continue;
    const content = await readPlainFile(from.path(name), MAX_BYTES).catch(() => null);
    if (content === null) continue;
    await into.remove(name);
    await into.write(name, content, owner, info.mode & 0o777);
  }
}

export async function readNote({ own }: RebuildPlace): Promise<RebuildNote> {
  const text = await readPlainFile(join(own, NOTE), 64 * 1024).catch(() => null);
  if (text === null) return BLANK;
  const { rewinding, done, bytes } = noteSchema.parse(JSON.parse(text.toString("utf8")));
  return { rewinding, done, bytes };
}

export async function writeNote({ own }: RebuildPlace, note: RebuildNote): Promise<void> {
  await writeJsonAtomic(join(own, NOTE), { v: 1, ...note });
}
