import type { JournalRecord } from "../../drills/run-event.ts";
import { FiredrillError } from "../../support/errors.ts";
import { type StateFiles, systemFiles } from "../state/state-files.ts";
import { checkLine, NO_PREVIOUS } from "./journal-record.ts";

export interface JournalContent {
  readonly records: readonly JournalRecord[];
  /** Bytes of the file that hold whole, verified records. */
  readonly goodBytes: number;
  /** What a crash left of a record that was being written; null when the file ends with a whole one. */
  readonly torn: TornRecord | null;
}

export interface TornRecord {
  readonly record: number;
  readonly bytes: number;
}

const LINE_BREAK = 0x0a;

/**
 * Reads and verifies the whole chain. A last line without its line break was never acknowledged: it is reported as torn.
 * Throws `JOURNAL_DAMAGED` with the record's number for anything else that does not verify.
 */
export async function readJournal(path: string, files: StateFiles = systemFiles): Promise<JournalContent> {
  const bytes = await files.read(path);
  if (bytes !== null) return parseJournal(bytes, path);
  throw new FiredrillError("JOURNAL_DAMAGED", `There is no journal at ${path}.`, {
    hint: "It was removed, or the run died before it had one: `firedrill clean` removes such folders.",
    details: { path },
  });
}

export function parseJournal(bytes: Uint8Array, path: string): JournalContent {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: JournalRecord[] = [];
  let from = 0;
  for (let end = content.indexOf(LINE_BREAK); end !== -1; end = content.indexOf(LINE_BREAK, from)) {
    records.push(verified(content.toString("utf8", from, end), records, path));
    from = end + 1;
  }
  const rest = content.length - from;
  return { records, goodBytes: from, torn: rest === 0 ? null : { record: records.length + 1, bytes: rest } };
}

/** Cuts a torn last record off, so that the next one begins on a line of its own. */
export async function repairTail(
  path: string,
  content: JournalContent,
  files: StateFiles = systemFiles,
): Promise<void> {
  if (content.torn !== null) await files.truncate(path, content.goodBytes);
}

function verified(line: string, before: readonly JournalRecord[], path: string): JournalRecord {
  const last = before.at(-1);
  const check = checkLine(line, { seq: before.length + 1, prev: last?.hash ?? NO_PREVIOUS });
  if (check.kind === "record") return check.record;
  throw new FiredrillError("JOURNAL_DAMAGED", `Record ${before.length + 1} of ${path} is damaged: ${check.reason}.`, {
    hint: "The journal was changed after it was written, or the disk lost data. Keep a copy; nothing is done from this run.",
    details: { record: before.length + 1, path },
  });
}
