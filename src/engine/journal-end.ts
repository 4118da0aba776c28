/**
 * What the end of a journal says of its run, without reading the rest of it.
 *
 * Owns: when the last lines are enough. Does not: vouch for the records before them (journal-reader.ts does, when a run is
 * shown or taken over).
 *
 * Invariants
 *  T1  No index is believed: the answer comes from records of the journal itself, each verified by its own hash and chained to
 *      the next.
 *  T2  Nothing follows `run.finished`: where the last whole record is another, or does not verify, the run counts as unfinished,
 *      and whoever takes it over reads all.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { JournalRecord } from "../drills/run-event.ts";
import { checkLine } from "./journal/journal-record.ts";

export type JournalEnd =
  /** Null: its cleanup did not come to an end that the last records tell of. */
  | { readonly kind: "ended"; readonly leftovers: number | null }
  | { readonly kind: "unfinished" }
  | { readonly kind: "no_journal" };

/** Dozens of records: the end of a cleanup stands right before the end of the run. */
const TAIL_BYTES = 16 * 1024;

export function journalEnd(path: string, runId: string): JournalEnd {
  const tail = readTail(path);
  if (tail === null) return { kind: "no_journal" };
  let ended = false;
  for (const record of verifiedFromEnd(tail)) {
    if (!ended && (record.type !== "run.finished" || record.run !== runId)) break; // T2
    ended = true;
    if (record.type === "cleanup.finished") return { kind: "ended", leftovers: leftoversOf(record) };
  }
  return ended ? { kind: "ended", leftovers: null } : { kind: "unfinished" };
}

/** The last bytes, from a line's begin; one character for each. */
function readTail(path: string): string | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    const text = bytes.toString("latin1", 0, read);
    return size > TAIL_BYTES ? text.slice(text.indexOf("\n") + 1) : text;
  } finally {
    closeSync(file);
  }
}

/** Newest first, as far as they verify and follow one another (T1); no more than are asked for. A torn last line ends it at once. */
function* verifiedFromEnd(tail: string): Generator<JournalRecord> {
  const lines = tail.split("\n");
  if (lines.pop() !== "") return;
  let next: JournalRecord | null = null;
  for (const line of lines.toReversed()) {
    const record = verified(line);
    if (record === null || (next !== null && (next.prev !== record.hash || next.seq !== record.seq + 1))) return;
    yield record;
    next = record;
  }
}

function verified(line: string): JournalRecord | null {
  try {
    // Decode boundary: the check below looks at form, hash and spelling; what comes before it is another line's affair.
    const bytes = Buffer.from(line, "latin1");
    const { seq, prev } = JSON.parse(bytes.toString("utf8")) as Pick<JournalRecord, "seq" | "prev">;
    const check = checkLine(bytes, { seq, prev });
    return check.kind === "record" ? check.record : null;
  } catch {
    return null;
  }
}

/** Decode boundary: `cleanup.finished` holds a count, by the type of the event. */
function leftoversOf({ data }: JournalRecord): number | null {
  const { leftovers } = (data ?? {}) as { readonly leftovers?: unknown };
  return typeof leftovers === "number" ? leftovers : null;
}
