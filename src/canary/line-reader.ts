import { open } from "node:fs/promises";

const CHUNK = 1 << 20;

/** Reads a growing text file line by line. What follows the last line break is not a line yet, or never became one. */
export class LineReader {
  readonly path: string;
  #offset = 0;
  #rest = "";

  constructor(path: string) {
    this.path = path;
  }

  /** Hands over every line that was completed since the last call. Gives how many. */
  async read(onLine: (line: string) => void): Promise<number> {
    await using file = await open(this.path, "r");
    const buffer = Buffer.allocUnsafe(CHUNK);
    let lines = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, this.#offset);
      if (bytesRead === 0) return lines;
      this.#offset += bytesRead;
      lines += this.#split(buffer.toString("latin1", 0, bytesRead), onLine);
    }
  }

  #split(text: string, onLine: (line: string) => void): number {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const line of parts) onLine(line);
    return parts.length;
  }
}
