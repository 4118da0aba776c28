import type { Readable } from "node:stream";
import type { Redactor } from "../support/redact.ts";
import type { CommandOutput } from "../steps/ports/commands.ts";

/** What is kept of each stream. */
export const KEPT_BYTES = 64 * 1024;
/** Held besides, so that a secret at the cut is still whole when it is taken out. */
const SPARE_BYTES = 16 * 1024;

export interface Collected {
  /** Everything has been read: nobody can write to it any more. */
  readonly ended: Promise<void>;
  output(redactor: Pick<Redactor, "text">): CommandOutput;
}

/** Reads a stream to its end, so that the writer is never held up, and keeps the end of it. */
export function collect(stream: Readable): Collected {
  let held = Buffer.alloc(0);
  let dropped = false;
  stream.on("data", (chunk: Buffer) => {
    const all = Buffer.concat([held, chunk]);
    dropped ||= all.length > KEPT_BYTES + SPARE_BYTES;
    held = all.subarray(Math.max(0, all.length - KEPT_BYTES - SPARE_BYTES));
  });
  // A pipe that breaks has said all it will.
  stream.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  return { ended, output: (redactor) => bounded(redactor.text(held.toString("utf8")), dropped) };
}

function bounded(text: string, dropped: boolean): CommandOutput {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length <= KEPT_BYTES) return { text: dropped ? wholeCharacters(bytes) : text, cut: dropped };
  return { text: wholeCharacters(bytes.subarray(bytes.length - KEPT_BYTES)), cut: true };
}

/** Without the rest of a character that the cut went through (UTF-8: 10xxxxxx continues one). */
function wholeCharacters(bytes: Buffer): string {
  const first = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return bytes.subarray(Math.max(0, first)).toString("utf8");
}
