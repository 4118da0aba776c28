import { lstat } from "node:fs/promises";
import { openPlainFile } from "./plain-file.ts";

/** More than the longest start of a server; a flood beyond it is not read. */
const TAIL_BYTES = 1024 * 1024;

/** End of a server's log, at most `bytes`; empty when there is none, or when it is not an ordinary file. */
export async function readLogTail(path: string, bytes = TAIL_BYTES): Promise<string> {
  const file = await openPlainFile(path).catch(() => null);
  if (file === null) return "";
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - bytes);
    const buffer = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Reads a log again only when it grew: looked at every few milliseconds, it stays cheap. */
export class GrowingLog {
  readonly #path: string;
  #seenBytes = -1;

  constructor(path: string) {
    this.#path = path;
  }

  /** Its end when there is something new, else null. */
  async news(): Promise<string | null> {
    const size = (await lstat(this.#path).catch(() => null))?.size ?? 0;
    if (size === this.#seenBytes) return null;
    this.#seenBytes = size;
    return readLogTail(this.#path);
  }
}
