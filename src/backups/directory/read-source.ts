import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf, subjectError } from "./subject-error.ts";

/**
 * Opens a file of a backup for reading. Backups are hostile: never through a link in its last name, and never
 * something that is not a regular file (a FIFO would block for ever, a device could be anything).
 */
export async function openSource(path: string): Promise<FileHandle> {
  const handle = await openNoFollow(path);
  const stats = await handle.stat();
  if (stats.isFile()) return handle;
  await handle.close();
  throw subjectError({ code: "BACKUP_NOT_A_FILE", message: `${path} is not a regular file` });
}

async function openNoFollow(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) !== "ELOOP") throw error;
    throw subjectError({ code: "BACKUP_LINK", message: `${path} is a symbolic link` }, error);
  }
}

/** Whole content of a small file; undefined when there is none. Refuses more than `maxBytes`. */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  let handle: FileHandle;
  try {
    handle = await openSource(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
  await using _ = handle;
  const { size } = await handle.stat();
  if (size > maxBytes)
    throw subjectError({
      code: "BACKUP_FILE_SIZE",
      message: `${path} has ${size} bytes, at most ${maxBytes} are expected`,
    });
  return await handle.readFile();
}

/** Up to `length` bytes at `position`. */
export async function readAt(path: string, position: number, length: number): Promise<Buffer> {
  await using handle = await openSource(path);
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
