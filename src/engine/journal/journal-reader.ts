/**
 * Reads a journal and verifies all of it.
 *
 * Owns: what counts as a whole record, as a torn one, and as damage. Does not: change a file (repairTail, quarantine.ts), or know
 * what the records mean.
 *
 * Invariants
 *  D1  Every record given verifies: form, hash, number, chain, and an event this program knows.
 *  D2  Torn is only what can be a part of a record that was being written: bytes after the last line break which are no whole record
 *      and were never noted as durable.
 *  D3  What is read beside the journal is read before it: a journal that grows meanwhile is never called too short.
 */
import { dirname, join } from "node:path";
import type { JournalRecord } from "../../drills/run-event.ts";
import { FiredrillError } from "../../support/errors.ts";
import { type StateFiles, systemFiles } from "../state/state-files.ts";
import { type DurableNote, readDurableNote } from "./durable-note.ts";
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
const NOTHING = new Uint8Array();

/**
 * The records of a run; none when there is no journal. A last line without its line break was never acknowledged: it is reported as
 * torn. Throws `JOURNAL_DAMAGED` with the record's number for anything else that does not verify, and when records are missing at the
 * end by what lies beside it; `JOURNAL_VERSION` and `JOURNAL_EVENT` for what another version wrote.
 */
export async function readJournal(path: string, files: StateFiles = systemFiles): Promise<JournalContent> {
  const note = await readDurableNote(path, files); // D3
  const hasResult = files.exists(join(dirname(path), "result.json"));
  const content = parseJournal((await files.read(path)) ?? NOTHING, path);
  requireNoted(content, note, path);
  if (hasResult && !content.records.some((record) => record.type === "run.finished"))
    throw damaged(
      content.records.length + 1,
      path,
      "it and what followed is missing: there is a result.json of this run",
    );
  return content;
}

export function parseJournal(bytes: Uint8Array, path: string): JournalContent {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: JournalRecord[] = [];
  let from = 0;
  for (let end = content.indexOf(LINE_BREAK); end !== -1; end = content.indexOf(LINE_BREAK, from)) {
    const check = checkLine(content.subarray(from, end), expected(records));
    if (check.kind === "damaged") throw damaged(records.length + 1, path, check.reason);
    records.push(check.record);
    from = end + 1;
  }
  const rest = content.subarray(from);
  requireTorn(rest, records, path);
  return {
    records,
    goodBytes: from,
    torn: rest.length === 0 ? null : { record: records.length + 1, bytes: rest.length },
  };
}

/** Cuts a torn last record off, so that the next one begins on a line of its own. */
export async function repairTail(
  path: string,
  content: JournalContent,
  files: StateFiles = systemFiles,
): Promise<void> {
  if (content.torn !== null) await files.truncate(path, content.goodBytes);
}

export function isDamage(error: unknown): error is FiredrillError {
  return error instanceof FiredrillError && error.code === "JOURNAL_DAMAGED";
}

function expected(before: readonly JournalRecord[]): { readonly seq: number; readonly prev: string } {
  return { seq: before.length + 1, prev: before.at(-1)?.hash ?? NO_PREVIOUS };
}

/** A whole record with one more byte has had its line break, and the byte is not it any more (D2). */
function requireTorn(rest: Buffer, before: readonly JournalRecord[], path: string): void {
  if (rest.length === 0) return;
  const check = checkLine(rest.subarray(0, -1), expected(before));
  if (check.kind === "record") throw damaged(before.length + 1, path, "its line break was changed");
}

function requireNoted({ records }: JournalContent, note: DurableNote | null, path: string): void {
  if (note === null) return;
  if (records.length < note.seq)
    throw damaged(records.length + 1, path, `it is missing or cut off, and record ${note.seq} was on disk already`);
  if (records[note.seq - 1]?.hash !== note.hash)
    throw damaged(note.seq, path, "it is not the one that was on disk before");
}

function damaged(record: number, path: string, reason: string): FiredrillError {
  return new FiredrillError("JOURNAL_DAMAGED", `Record ${record} of ${path} is damaged: ${reason}.`, {
    hint: "The journal was changed after it was written, or the disk lost data. Keep a copy; nothing is done from this run.",
    details: { record, path },
  });
}
