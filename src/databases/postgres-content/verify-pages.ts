import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Watch } from "../../steps/ports/backup-source.ts";
import type { BadPage, PageReport, PageRequest, PageVerifier } from "../../steps/ports/checks.ts";
import type { Clock } from "../../support/clock.ts";
import { errorCode } from "./error-code.ts";
import { verifyPage } from "./page-checksum.ts";
import { type RelationFile, relationFiles } from "./relation-files.ts";

/** While one file's pages are computed, another one's are read. More would only fight for the same core. */
const READERS = 2;
/** Large enough that reads cost little beside the computing (1 ms), small enough to stay in the processor's cache. */
const CHUNK_BYTES = 1024 * 1024;
const MAX_KEPT = 100;

/** A server that writes a page while we read it shows half of each: so a bad page is looked at again before it counts. */
const SECOND_LOOKS = 3;
const SECOND_LOOK_MS = 20;

/** Verifies all pages in one pass over the files, without holding up the event loop for more than a chunk. */
export function createPageVerifier(deps: { readonly clock: Clock }): PageVerifier {
  return {
    async verify(request, watch) {
      const began = deps.clock.monoUs();
      const files = await relationFiles(request.dataDir, request.root);
      const tally = { files: 0, pages: 0, bytes: 0, bad: [] as BadPage[], badCount: 0 };
      const queue = files.values();
      await Promise.all(Array.from({ length: READERS }, () => drain(queue, request, tally, watch)));
      return { ...tally, durationUs: deps.clock.monoUs() - began };
    },
  };
}

type Tally = { -readonly [K in keyof Omit<PageReport, "durationUs" | "bad">]: PageReport[K] } & {
  readonly bad: BadPage[];
};

async function drain(queue: Iterable<RelationFile>, request: PageRequest, tally: Tally, watch: Watch): Promise<void> {
  const buffer = Buffer.from(new ArrayBuffer(Math.max(CHUNK_BYTES, request.blockBytes)));
  for (const file of queue) {
    const handle = await openUnlessGone(join(request.dataDir, file.path));
    if (handle === null) continue;
    try {
      const suspects = await readThrough(handle, file, buffer, request, tally, watch);
      for (const block of suspects) await confirm(handle, file, block, request, tally);
    } finally {
      await handle.close();
    }
    tally.files += 1;
  }
}

/** A table that was dropped since the listing is no fault. */
function openUnlessGone(path: string): Promise<FileHandle | null> {
  return open(path, "r").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  });
}

/** Returns the blocks of this file, counted from its begin, that did not verify at first sight. */
async function readThrough(
  handle: FileHandle,
  file: RelationFile,
  buffer: Buffer,
  request: PageRequest,
  tally: Tally,
  watch: Watch,
): Promise<readonly number[]> {
  const { blockBytes } = request;
  const words = new Int32Array(buffer.buffer);
  const wordsPerPage = blockBytes / 4;
  const first = file.segment * request.segmentBlocks;
  const suspects: number[] = [];
  for (let block = 0; ;) {
    watch.signal.throwIfAborted();
    const bytes = await readFully(handle, buffer, block * blockBytes);
    const whole = Math.floor(bytes / blockBytes);
    for (let page = 0; page < whole; page += 1) {
      if (verifyPage(words, page * wordsPerPage, wordsPerPage, first + block + page) === "bad")
        suspects.push(block + page);
    }
    if (bytes % blockBytes !== 0) suspects.push(block + whole);
    tally.pages += whole;
    tally.bytes += bytes;
    watch.progress({ what: "verifying page checksums", done: tally.bytes, total: null, unit: "bytes" });
    if (bytes < buffer.length) return suspects;
    block += whole;
  }
}

/** Up to the buffer's end or the file's. */
async function readFully(handle: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let done = 0;
  while (done < buffer.length) {
    const { bytesRead } = await handle.read(buffer, done, buffer.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

async function confirm(
  handle: FileHandle,
  file: RelationFile,
  block: number,
  request: PageRequest,
  tally: Tally,
): Promise<void> {
  const page = Buffer.from(new ArrayBuffer(request.blockBytes));
  const words = new Int32Array(page.buffer);
  const number = file.segment * request.segmentBlocks + block;
  let reason: BadPage["reason"] = "checksum";
  for (let look = 0; look < SECOND_LOOKS; look += 1) {
    if (look > 0) await delay(SECOND_LOOK_MS);
    const bytes = await readFully(handle, page, block * request.blockBytes);
    // Cut off by a vacuum since.
    if (bytes === 0) return;
    reason = bytes < request.blockBytes ? "short" : "checksum";
    if (reason === "checksum" && verifyPage(words, 0, words.length, number) !== "bad") return;
  }
  tally.badCount += 1;
  if (tally.bad.length < MAX_KEPT) tally.bad.push({ file: file.path, block: number, reason });
}
