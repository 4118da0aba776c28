import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { xxh32 } from "@node-rs/xxhash";
import { pack } from "tar-stream";
import { expect, test } from "vitest";
import type { WalFile } from "../../../src/backups/directory/wal-index.ts";
import { readWalHead, readWalText } from "../../../src/backups/directory/wal-read.ts";
import { temporaryFolder } from "../../support/backups-cluster.ts";

const NAME = "00000002.history";
const TEXT = "1\t0/5000000\tno recovery target specified\n";
const signal = new AbortController().signal;

async function archiveOf(text: string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: NAME }, text);
  tar.finalize();
  const chunks: Buffer[] = [];
  // Its types leave open what a tar stream gives: buffers.
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** An LZ4 frame of blocks that are stored as they are: the reader gets exactly these chunks. */
function lz4Frame(...blocks: readonly Buffer[]): Buffer {
  const head = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0]);
  head.writeUInt8((xxh32(head.subarray(4, 6)) >>> 8) & 0xff, 6);
  const stored = blocks.flatMap((block) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE((block.length | 0x8000_0000) >>> 0);
    return [size, block];
  });
  return Buffer.concat([head, ...stored, Buffer.alloc(4)]);
}

test("the begin of a file in a compressed archive is its begin, however the chunks fall", async () => {
  const folder = temporaryFolder();
  try {
    const tar = await archiveOf(TEXT);
    const path = join(folder.path, "pg_wal.tar.lz4");
    const file: WalFile = {
      name: NAME,
      path,
      sizeBytes: TEXT.length,
      compression: "lz4",
      place: "backup",
      inTar: { position: 512 },
    };
    for (const cut of [512 + 3, 512 + 10, 512 + TEXT.length - 1]) {
      writeFileSync(path, lz4Frame(tar.subarray(0, cut), tar.subarray(cut)));
      expect((await readWalHead(file, 20, signal)).toString()).toBe(TEXT.slice(0, 20));
      expect(await readWalText(file, 1_000_000, signal)).toBe(TEXT);
    }
  } finally {
    folder.remove();
  }
});
