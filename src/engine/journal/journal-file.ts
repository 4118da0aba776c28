/**
 * The files of a run's journal: its lines, room kept for its end, and a note of how far it is on disk.
 *
 * Owns: `journal.jsonl` while it is written, `journal.reserve`, `durable.json`. Does not: know what a record is, or when one counts
 * (journal-writer.ts).
 *
 * Invariants
 *  F1  The names of all three are durable before the first record is.
 *  F2  The reserve is really allocated: written and synced, of bytes that no file system can squeeze.
 *  F3  What a failed write left is cut off before anything else is written.
 */
import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../support/atomic-file.ts";
import { FiredrillError } from "../../support/errors.ts";
import { type DurableNote, openDurableNote, type NoteFile } from "./durable-note.ts";
import { isNoRoom } from "./no-room.ts";
import { makeReserve, RESERVE_BYTES, reservePath } from "./reserve.ts";

/** Where the lines go. `write` may be called again only after the last call of any method has resolved. */
export interface JournalFile {
  write(text: string): Promise<void>;
  /** Resolves when everything written is on stable storage. */
  sync(): Promise<void>;
  close(): Promise<void>;
  /**
   * Gives the reserve back to the file system and cuts off what a failed write left. False: there is none any more. Absent: this journal
   * keeps none.
   */
  freeReserve?(): Promise<boolean>;
  /** Notes how far the journal is on stable storage. Not synced itself, never fails: the note may lag, and never leads. */
  noteDurable?(note: DurableNote): Promise<void>;
}

/** Opens for appending, making it when `create` (then its name is durable too). Throws `JOURNAL_NO_ROOM` for a new one on a full disk. */
export async function openJournalFile(path: string, create: boolean): Promise<JournalFile> {
  await keepReserve(path, create);
  const handle = await open(path, create ? "ax" : "a", 0o600);
  const note = await openDurableNote(path);
  await syncDirectory(dirname(path)); // F1
  let goodBytes = (await handle.stat()).size;
  return {
    async write(text) {
      // A short write goes on where it stopped: writeFile on a handle writes all or throws.
      await handle.writeFile(text, "utf8");
      goodBytes += Buffer.byteLength(text);
    },
    sync: () => handle.datasync(),
    async close() {
      await Promise.all([handle.close(), note?.close()]);
    },
    async freeReserve() {
      if (!(await removeReserve(path))) return false;
      await handle.truncate(goodBytes); // F3
      return true;
    },
    noteDurable: (last) => noteQuietly(note, last),
  };
}

/** A run that is taken over goes on without one where there is no room: its cleanup must not wait for it. */
async function keepReserve(path: string, create: boolean): Promise<void> {
  try {
    await makeReserve(path); // F2
  } catch (error) {
    if (!isNoRoom(error)) throw error;
    if (!create) return;
    throw new FiredrillError(
      "JOURNAL_NO_ROOM",
      `There is no room for a journal in ${dirname(path)}: its reserve takes ${RESERVE_BYTES} bytes.`,
      { cause: error, hint: "Make room, or use another --state directory. Nothing was begun." },
    );
  }
}

async function removeReserve(path: string): Promise<boolean> {
  try {
    await rm(reservePath(path));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

async function noteQuietly(file: NoteFile | null, note: DurableNote): Promise<void> {
  // A note that cannot be written lags: that is allowed, and no reason to stop.
  await file?.write(note).catch(() => {});
}
