import { randomBytes } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Replaces a file as a whole: after a crash it holds the old content or the new, never a part (rename(2) is atomic; the
 * content is durable before the name points at it, the name once the folder is synced).
 */
export async function writeFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await writeDurably(temporary, content, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** As `writeFileAtomic`, for a JSON document that people may read. */
export async function writeJsonAtomic(path: string, value: object): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes a file that is not there yet, as a whole; false, and nothing changed, when it is there (link(2) does not replace). */
export async function createFileAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<boolean> {
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await writeDurably(temporary, content, mode);
    await link(temporary, path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Makes names in a folder durable: fsync(2) of a file does not sync the entry that names it. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the content of a file durable that somebody else wrote, and may not have synced. */
export async function syncFile(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.datasync();
}

async function writeDurably(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(path, "wx", mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
