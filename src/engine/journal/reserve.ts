import { createHash } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";

/**
 * Room for the end of a run on a full disk: some hundred records of a cleanup, the result and the report. A file, because a
 * file system promises room to nothing else.
 */
export const RESERVE_BYTES = 256 * 1024;

export function reservePath(journal: string): string {
  return journal.replace(/\.jsonl$/u, ".reserve");
}

/** Makes it unless a whole one is there; leaves none when there is no room. */
export async function makeReserve(journal: string): Promise<void> {
  const path = reservePath(journal);
  const there = await stat(path).catch(() => null);
  if (there?.size === RESERVE_BYTES) return;
  try {
    const handle = await open(path, "w", 0o600);
    try {
      await handle.writeFile(filler());
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** The same each time, and yet nothing that a compressing file system makes small. */
function filler(): Uint8Array {
  return createHash("shake256", { outputLength: RESERVE_BYTES }).digest();
}
