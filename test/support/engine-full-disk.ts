import type { DurableNote } from "../../src/engine/journal/durable-note.ts";
import type { JournalFile } from "../../src/engine/journal/journal-file.ts";

/** A disk in memory that takes so many bytes of a journal and no more; with its reserve freed, so many more. */
export interface FullDisk extends JournalFile {
  readonly text: () => string;
  /** Bytes that were synced; a power cut leaves these. */
  readonly synced: () => number;
  readonly note: () => DurableNote | null;
}

export function fullDisk(room: { readonly bytes: number; readonly reserve: number | null }): FullDisk {
  let content = "";
  let good = 0;
  let synced = 0;
  let capacity = room.bytes;
  let reserve = room.reserve;
  let note: DurableNote | null = null;
  return {
    async write(text) {
      content += text.slice(0, Math.max(0, capacity - content.length));
      if (content.length < good + text.length)
        throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      good = content.length;
    },
    async sync() {
      synced = content.length;
    },
    async close() {},
    async freeReserve() {
      if (reserve === null) return false;
      capacity += reserve;
      reserve = null;
      content = content.slice(0, good);
      return true;
    },
    async noteDurable(last) {
      note = last;
    },
    text: () => content,
    synced: () => synced,
    note: () => note,
  };
}
