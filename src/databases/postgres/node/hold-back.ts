import { lstat, lutimes, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../../support/atomic-file.ts";
import { HeldFolder, type Owner } from "../held-folder.ts";
import { readPlainFile } from "../plain-file.ts";
import type { NodePlace } from "./node-place.ts";

/** The server only asks whether the file is there; the text says whose it is. */
const MARKER = "held back by firedrill: another server of its system is the primary\n";

/** Says the same of an empty file: a full disk has room for no text. */
const MARKED_AT_S = 1_000_000_007;
const SIGNAL = "standby.signal";

const signalFile = ({ dataDir }: NodePlace): string => join(dataDir, SIGNAL);

/** One that is there already serves the same purpose and stays what it is. */
export async function holdBack(place: NodePlace): Promise<void> {
  await using folder = await HeldFolder.open(place.dataDir);
  // Whoever owns the folder above may have put another in its place: a file given away there would be a gift.
  if ((await folder.uid()) !== place.uid) throw new Error(`${place.dataDir} is not what it was a moment ago`);
  try {
    await folder.write(SIGNAL, MARKER, place, 0o600);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    if (code === "EEXIST") return;
    // Not a part of it: nobody would know that it is ours.
    await folder.remove(SIGNAL);
    if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
    await writeWithoutRoom(folder, place);
  }
  await folder.sync();
}

async function writeWithoutRoom(folder: HeldFolder, owner: Owner): Promise<void> {
  await folder.write(SIGNAL, "", owner, 0o600);
  await lutimes(folder.path(SIGNAL), MARKED_AT_S, MARKED_AT_S);
}

/** Removes the file when `holdBack` made it; a standby's own it leaves. */
export async function letGo(place: NodePlace): Promise<void> {
  if (!(await isOurs(place))) return;
  await rm(signalFile(place), { force: true });
  await syncDirectory(place.dataDir);
}

async function isOurs(place: NodePlace): Promise<boolean> {
  const text = await readPlainFile(signalFile(place), MARKER.length + 1).catch(() => null);
  if (text?.length !== 0) return text?.toString("utf8") === MARKER;
  const info = await lstat(signalFile(place)).catch(() => null);
  return info?.mtimeMs === MARKED_AT_S * 1000;
}

/** Whether whoever starts it gets a standby. */
export async function isHeldBack(place: NodePlace): Promise<boolean> {
  return (await readPlainFile(signalFile(place), 1).catch(() => null)) !== null;
}
