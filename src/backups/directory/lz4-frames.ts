import { Xxh32, xxh32 } from "@node-rs/xxhash";
import { uncompressSync } from "lz4-napi";
import { ByteQueue } from "./byte-queue.ts";

/**
 * Decodes LZ4 frames block by block (LZ4 Frame Format Description 1.6.4): linked and independent blocks, block and
 * content checksums, skippable and concatenated frames. Memory: one block (at most 4 MiB) and 64 KiB of history.
 */
const MAGIC = 0x184d2204;
const SKIPPABLE = 0x184d2a50;
const BLOCK_BYTES: Readonly<Record<number, number>> = { 4: 0x1_0000, 5: 0x4_0000, 6: 0x10_0000, 7: 0x40_0000 };
const HISTORY_BYTES = 0x1_0000;

export class Lz4Error extends Error {}

export async function* decodeLz4(input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const queue = new ByteQueue(input);
  let frames = 0;
  for (;;) {
    const magic = await queue.upTo(4);
    if (magic.length === 0 && frames > 0) return;
    if (magic.length < 4) throw new Lz4Error("ends in the middle of a frame");
    const number = magic.readUInt32LE(0);
    if ((number & ~0xf) >>> 0 === SKIPPABLE) await queue.take((await queue.take(4)).readUInt32LE(0));
    else if (number === MAGIC) yield* decodeFrame(queue);
    else throw new Lz4Error(`begins a frame with 0x${number.toString(16)}`);
    frames += 1;
  }
}

interface FrameHeader {
  readonly linked: boolean;
  readonly blockChecksum: boolean;
  readonly contentChecksum: boolean;
  readonly blockBytes: number;
}

async function readHeader(queue: ByteQueue): Promise<FrameHeader> {
  const fixed = await queue.take(2);
  const flags = fixed.readUInt8(0);
  if (flags >> 6 !== 1) throw new Lz4Error("has a frame of an unknown version");
  if ((flags & 0x01) !== 0) throw new Lz4Error("needs a dictionary");
  const rest = await queue.take((flags & 0x08) === 0 ? 0 : 8);
  const stated = (await queue.take(1)).readUInt8(0);
  if (((xxh32(Buffer.concat([fixed, rest])) >>> 8) & 0xff) !== stated)
    throw new Lz4Error("has a frame header that does not match its checksum");
  const blockBytes = BLOCK_BYTES[(fixed.readUInt8(1) >> 4) & 7];
  if (blockBytes === undefined) throw new Lz4Error("names an unknown block size");
  return {
    linked: (flags & 0x20) === 0,
    blockChecksum: (flags & 0x10) !== 0,
    contentChecksum: (flags & 0x04) !== 0,
    blockBytes,
  };
}

async function* decodeFrame(queue: ByteQueue): AsyncGenerator<Buffer> {
  const header = await readHeader(queue);
  const content = new Xxh32(0);
  let history: Buffer = Buffer.alloc(0);
  for (;;) {
    const word = (await queue.take(4)).readUInt32LE(0);
    if (word === 0) break;
    const block = await readBlock(queue, word, header, history);
    if (header.contentChecksum) content.update(block);
    if (header.linked) history = lastBytes(history, block);
    yield block;
  }
  if (header.contentChecksum && (await queue.take(4)).readUInt32LE(0) !== content.digest()) {
    throw new Lz4Error("has a frame whose content does not match its checksum");
  }
}

async function readBlock(queue: ByteQueue, word: number, header: FrameHeader, history: Buffer): Promise<Buffer> {
  const length = word & 0x7fff_ffff;
  if (length > header.blockBytes) throw new Lz4Error(`has a block of ${length} bytes, more than its frame allows`);
  const data = await queue.take(length);
  if (header.blockChecksum && (await queue.take(4)).readUInt32LE(0) !== xxh32(data)) {
    throw new Lz4Error("has a block that does not match its checksum");
  }
  if (word >>> 31 === 1) return data;
  const sized = Buffer.allocUnsafe(length + 4);
  sized.writeUInt32LE(header.blockBytes, 0);
  data.copy(sized, 4);
  try {
    return uncompressSync(sized, history.length === 0 ? undefined : history);
  } catch (cause) {
    throw new Lz4Error("has a block that cannot be decompressed", { cause });
  }
}

function lastBytes(history: Buffer, block: Buffer): Buffer {
  if (block.length >= HISTORY_BYTES) return block.subarray(block.length - HISTORY_BYTES);
  return Buffer.concat([history, block]).subarray(-HISTORY_BYTES);
}
