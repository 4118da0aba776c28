import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import type { ChecksumAlgorithm } from "../../formats/postgres/backup-manifest.ts";
import { createDigest } from "./digest.ts";
import { createFile, type NewFile, writeError } from "./restore-target.ts";
import { subjectError } from "./subject-error.ts";

/** Read, checked and written while it is in the second-level cache: measured best of 64 KiB to 1 MiB. */
export const BUFFER_BYTES = 256 * 1024;

/** One file to copy; plain data, so that a worker can do it. */
export interface CopyOrder {
  readonly source: string;
  readonly target: NewFile;
  /** What to compute of the content on its way; null: nothing. */
  readonly algorithm: ChecksumAlgorithm | null;
}

/** What was read of it. */
export interface Copied {
  readonly bytes: number;
  /** As a manifest writes it; null when nothing was computed. */
  readonly hex: string | null;
}

/** Copies one file in one pass. `onBytes` is called after each buffer and may throw to end it. */
export function copyFile(order: CopyOrder, buffer: Buffer, onBytes: (bytes: number) => void): Copied {
  const source = openFile(order.source);
  try {
    const target = createFile(order.target);
    try {
      return pump(order.algorithm, { source, target, buffer }, onBytes);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

interface Pipe {
  readonly source: number;
  readonly target: number;
  readonly buffer: Buffer;
}

function pump(algorithm: ChecksumAlgorithm | null, pipe: Pipe, onBytes: (bytes: number) => void): Copied {
  const { source, target, buffer } = pipe;
  const digest = algorithm === null ? null : createDigest(algorithm);
  let bytes = 0;
  for (;;) {
    const length = readSync(source, buffer, 0, buffer.length, null);
    if (length === 0) return { bytes, hex: digest?.hex() ?? null };
    const chunk = buffer.subarray(0, length);
    digest?.update(chunk);
    writeWhole(target, chunk);
    bytes += length;
    onBytes(length);
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
