import type { JournalFile } from "../../src/engine/journal/journal-file.ts";

/** A journal in memory that can be told to fail at its n-th write or sync. */
export interface MemoryJournal extends JournalFile {
  readonly text: () => string;
  readonly syncs: () => number;
}

export function memoryJournal(fail: { readonly writeAt?: number; readonly syncAt?: number } = {}): MemoryJournal {
  let content = "";
  let writes = 0;
  let syncs = 0;
  return {
    async write(text) {
      writes += 1;
      if (writes === fail.writeAt) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      content += text;
    },
    async sync() {
      syncs += 1;
      if (syncs === fail.syncAt) throw Object.assign(new Error("input/output error"), { code: "EIO" });
    },
    async close() {},
    text: () => content,
    syncs: () => syncs,
  };
}
