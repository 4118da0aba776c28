import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory } from "../../../support/atomic-file.ts";
import { readPlainFile } from "../plain-file.ts";
import type { NodePlace } from "./node-place.ts";

/** The server only asks whether the file is there; the text says whose it is. */
const MARKER = "held back by firedrill: another server of its system is the primary\n";

const signalFile = ({ dataDir }: NodePlace): string => join(dataDir, "standby.signal");

/** One that is there already serves the same purpose and stays what it is. */
export async function holdBack(place: NodePlace): Promise<void> {
  // "wx" makes a new file or fails: whoever owns the folder may have put a link there.
  const file = await open(signalFile(place), "wx", 0o600).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return null;
    throw error;
  });
  if (file === null) return;
  try {
    await file.writeFile(MARKER);
    await file.chown(place.uid, place.gid);
    await file.sync();
  } catch (error) {
    await rm(signalFile(place), { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await syncDirectory(place.dataDir);
}

/** Removes the file when `holdBack` made it; a standby's own it leaves. */
export async function letGo(place: NodePlace): Promise<void> {
  const text = await readPlainFile(signalFile(place), MARKER.length + 1).catch(() => null);
  if (text?.toString("utf8") !== MARKER) return;
  await rm(signalFile(place), { force: true });
  await syncDirectory(place.dataDir);
}

/** Whether whoever starts it gets a standby. */
export async function isHeldBack(place: NodePlace): Promise<boolean> {
  return (await readPlainFile(signalFile(place), 1).catch(() => null)) !== null;
}
