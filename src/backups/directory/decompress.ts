import { finished } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { pipeline, type Readable, type Transform } from "node:stream";
import { UnexpectedEnd } from "./byte-queue.ts";
import type { Compression } from "./compression.ts";
import { decodeLz4, Lz4Error } from "./lz4-frames.ts";
import { openSource } from "./read-source.ts";
import { subjectError } from "./subject-error.ts";

const CHUNK_BYTES = 1024 * 1024;

/**
 * Content of a file of a backup, decompressed, in chunks of about a mebibyte. Ends early without harm.
 * Throws `BACKUP_COMPRESSION` (subject) where the compressed data is damaged or ends too early.
 */
export async function* readDecompressed(
  path: string,
  compression: Compression,
  signal: AbortSignal,
  onRead?: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  const handle = await openSource(path);
  const raw = handle.createReadStream({ highWaterMark: CHUNK_BYTES, autoClose: true });
  if (onRead !== undefined) raw.on("data", (chunk) => onRead(chunk.length)).pause();
  try {
    for await (const chunk of decoded(raw, compression)) {
      signal.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    throw explain(error, path, compression);
  } finally {
    raw.destroy();
    await finished(raw, { error: false }).catch(() => undefined);
  }
}

function decoded(raw: Readable, compression: Compression): AsyncIterable<Buffer> {
  switch (compression) {
    case "none":
      return raw;
    case "lz4":
      return decodeLz4(raw);
    case "gzip":
      return through(raw, createGunzip({ chunkSize: CHUNK_BYTES }));
    case "zstd":
      return through(raw, createZstdDecompress({ chunkSize: CHUNK_BYTES }));
    default:
      return compression satisfies never;
  }
}

/** Errors of either stream arrive at the reader of `transform`, so the callback has nothing to add. */
function through(raw: Readable, transform: Transform): AsyncIterable<Buffer> {
  return pipeline(raw, transform, () => undefined);
}

function explain(error: unknown, path: string, compression: Compression): unknown {
  const damaged = error instanceof Lz4Error || error instanceof UnexpectedEnd || isZlibError(error);
  if (!damaged || !(error instanceof Error)) return error;
  return subjectError(
    {
      code: "BACKUP_COMPRESSION",
      message: `${path}: the ${compression} data is damaged or ends too early: ${error.message}`,
      hint: "Take another backup, or restore an undamaged copy of this file.",
    },
    error,
  );
}

function isZlibError(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^(?:Z_|ZSTD_|ERR_ZLIB|ERR_ZSTD)/u.test(error.code)
  );
}

/** The first `length` bytes, or fewer when there are not so many. */
export async function readHead(
  path: string,
  compression: Compression,
  length: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let seen = 0;
  for await (const chunk of readDecompressed(path, compression, signal)) {
    chunks.push(chunk);
    seen += chunk.length;
    if (seen >= length) break;
  }
  return Buffer.concat(chunks).subarray(0, length);
}
