import { closeSync, constants, fstatSync, openSync, read, readSync, write, writeSync } from "node:fs";
import { promisify } from "node:util";
import type { TreeFile } from "./plain-tree.ts";
import type { RestoreTarget } from "./restore-target.ts";
import { writeError } from "./restore-target.ts";
import { subjectError } from "./subject-error.ts";
import type { FileCheck } from "./verification.ts";

const readAsync = promisify(read);
const writeAsync = promisify(write);
/** Two of these per lane stay in the second-level cache between reading, checking and writing: measured best of 64 KiB to 1 MiB. */
export const BUFFER_BYTES = 256 * 1024;
/** Below this, handing work to another thread costs more than the work. */
export const SMALL_BYTES = 256 * 1024;

export interface CopyJob {
  readonly file: TreeFile;
  readonly target: RestoreTarget;
  readonly check: FileCheck;
  readonly signal: AbortSignal;
  onBytes(bytes: number): void;
}

/** Copies a file of at most SMALL_BYTES at once; `buffer` is reused. */
export function copySmall(job: CopyJob, buffer: Buffer): void {
  const source = openFile(job.file.source);
  try {
    const target = job.target.createFile(job.file.path);
    try {
      for (
        let length = readSync(source, buffer, 0, buffer.length, null);
        length > 0;
        length = readSync(source, buffer, 0, buffer.length, null)
      ) {
        const chunk = buffer.subarray(0, length);
        job.check.update(chunk);
        writeWhole(target, chunk);
        job.onBytes(length);
      }
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
  job.check.end();
}

/** Reads the next part while the one before is written. */
export async function copyLarge(job: CopyJob, buffers: readonly [Buffer, Buffer]): Promise<void> {
  const source = openFile(job.file.source);
  try {
    const target = job.target.createFile(job.file.path);
    try {
      await pump(job, source, target, buffers);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
  job.check.end();
}

async function pump(job: CopyJob, source: number, target: number, buffers: readonly [Buffer, Buffer]): Promise<void> {
  let [current, other] = buffers;
  let writing: Promise<void> = Promise.resolve();
  let position = 0;
  try {
    for (;;) {
      job.signal.throwIfAborted();
      const { bytesRead } = await readAsync(source, current, 0, current.length, position);
      await writing;
      if (bytesRead === 0) return;
      const chunk = current.subarray(0, bytesRead);
      writing = writeAll(target, chunk, position);
      // Keeps the rejection from being unhandled while the next part is read; it is awaited above or below.
      writing.catch(() => undefined);
      job.check.update(chunk);
      position += bytesRead;
      job.onBytes(bytesRead);
      [current, other] = [other, current];
    }
  } finally {
    await writing;
  }
}

async function writeAll(target: number, chunk: Buffer, position: number): Promise<void> {
  try {
    for (let done = 0; done < chunk.length;)
      done += (await writeAsync(target, chunk, done, chunk.length - done, position + done)).bytesWritten;
  } catch (error) {
    throw writeError(error);
  }
}

export function writeWhole(target: number, chunk: Buffer): void {
  try {
    for (let done = 0; done < chunk.length;) done += writeSync(target, chunk, done, chunk.length - done, null);
  } catch (error) {
    throw writeError(error);
  }
}

/** See read-source.ts: never a link, never a device, never blocking. */
function openFile(path: string): number {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw subjectError({ code: "BACKUP_NOT_A_FILE", message: `${path} is not a regular file` });
}
