import { FormatError } from "../../formats/postgres/format-error.ts";
import { ByteQueue, UnexpectedEnd } from "./byte-queue.ts";
import type { Compression } from "./compression.ts";
import { readDecompressed } from "./decompress.ts";
import { openSource } from "./read-source.ts";
import { subjectError } from "./subject-error.ts";
import {
  paddingAfter,
  readLongName,
  readPax,
  readTarHeader,
  TAR_BLOCK,
  type TarEntry,
  type TarOverrides,
} from "./tar-header.ts";

/** Where the bytes of a tar archive come from: exact reads and skips. */
interface TarInput {
  upTo(length: number): Promise<Buffer>;
  take(length: number): Promise<Buffer>;
  some(maxBytes: number): Promise<Buffer>;
  skip(length: number): Promise<void>;
  /** Bytes read and skipped so far, decompressed. */
  readonly position: number;
}

export interface TarMember {
  readonly entry: TarEntry;
  /** Position of the content in the decompressed archive. */
  readonly position: number;
  /** What the visitor does not read is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

export interface TarFile {
  readonly path: string;
  readonly compression: Compression;
}

type Visit = (member: TarMember) => Promise<"continue" | "stop"> | "continue" | "stop";

/** Reads the whole archive in order. Throws `BACKUP_TAR_TRUNCATED`, `BACKUP_TAR_DAMAGED`, `BACKUP_COMPRESSION`. */
export async function readTar(
  tar: TarFile,
  signal: AbortSignal,
  visit: Visit,
  onRead?: (bytes: number) => void,
): Promise<void> {
  const source = readDecompressed(tar.path, tar.compression, signal, onRead);
  try {
    await walk(streamInput(source), tar.path, visit);
  } finally {
    await source.return(undefined);
  }
}

/** Headers only: an uncompressed archive is skipped through by position, a compressed one must be read. */
export async function scanTar(tar: TarFile, signal: AbortSignal, visit: Visit): Promise<void> {
  if (tar.compression !== "none") return await readTar(tar, signal, visit);
  await using handle = await openSource(tar.path);
  const { size } = await handle.stat();
  let position = 0;
  const upTo = async (length: number): Promise<Buffer> => {
    signal.throwIfAborted();
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(Math.min(length, 1024 * 1024)),
      0,
      length > 1024 * 1024 ? 1024 * 1024 : length,
      position,
    );
    position += bytesRead;
    return buffer.subarray(0, bytesRead);
  };
  const input: TarInput = {
    upTo,
    take: async (length) => whole(await upTo(length), length),
    some: upTo,
    skip: async (length) => {
      position += length;
      if (position > size) throw new UnexpectedEnd();
    },
    get position() {
      return position;
    },
  };
  await walk(input, tar.path, visit);
}

function streamInput(source: AsyncIterable<Buffer>): TarInput {
  const queue = new ByteQueue(source);
  let position = 0;
  const count = (bytes: Buffer): Buffer => {
    position += bytes.length;
    return bytes;
  };
  return {
    upTo: async (length) => count(await queue.upTo(length)),
    take: async (length) => count(await queue.take(length)),
    some: async (maxBytes) => count(await queue.some(maxBytes)),
    skip: async (length) => {
      for (let left = length; left > 0;) left -= whole(count(await queue.some(left)), 1).length;
    },
    get position() {
      return position;
    },
  };
}

function whole(bytes: Buffer, atLeast: number): Buffer {
  if (bytes.length < atLeast) throw new UnexpectedEnd();
  return bytes;
}

async function walk(input: TarInput, path: string, visit: Visit): Promise<void> {
  try {
    let overrides: TarOverrides = {};
    for (;;) {
      const head = await input.upTo(TAR_BLOCK);
      if (head.length < TAR_BLOCK) throw new UnexpectedEnd();
      const block = readTarHeader(head, overrides);
      if (block.kind === "end") return;
      if (block.kind === "extension") {
        overrides = { ...overrides, ...(await readExtension(input, block)) };
        continue;
      }
      overrides = {};
      if ((await visitEntry(input, block.entry, visit)) === "stop") return;
    }
  } catch (error) {
    throw explain(error, path);
  }
}

async function readExtension(
  input: TarInput,
  block: { readonly of: string; readonly sizeBytes: number },
): Promise<TarOverrides> {
  const content = await input.take(block.sizeBytes);
  await input.skip(paddingAfter(block.sizeBytes));
  if (block.of === "pax") return readPax(content);
  if (block.of === "gnu-name") return { name: readLongName(content) };
  return block.of === "gnu-link" ? { linkName: readLongName(content) } : {};
}

async function visitEntry(input: TarInput, entry: TarEntry, visit: Visit): Promise<"continue" | "stop"> {
  let left = entry.sizeBytes;
  async function* content(): AsyncGenerator<Buffer> {
    while (left > 0) {
      const chunk = whole(await input.some(left), 1);
      left -= chunk.length;
      yield chunk;
    }
  }
  const answer = await visit({ entry, position: input.position, content: content() });
  if (answer === "stop") return "stop";
  await input.skip(left + paddingAfter(entry.sizeBytes));
  return "continue";
}

function explain(error: unknown, path: string): unknown {
  if (error instanceof UnexpectedEnd) {
    return subjectError(
      {
        code: "BACKUP_TAR_TRUNCATED",
        message: `${path} ends before its end-of-archive mark`,
        hint: "The file was not copied whole; compare its size with the original.",
      },
      error,
    );
  }
  if (error instanceof FormatError && error.code === "TAR_HEADER") {
    return subjectError(
      { code: "BACKUP_TAR_DAMAGED", message: `${path} is no tar archive, or a damaged one: it has ${error.message}` },
      error,
    );
  }
  return error;
}
