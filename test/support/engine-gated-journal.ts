import type { JournalFile } from "../../src/engine/journal/journal-file.ts";
import { memoryJournal } from "./engine-memory-journal.ts";

/** A disk that keeps its syncs waiting for as long as the test wants. */
export interface GatedJournal extends JournalFile {
  readonly text: () => string;
  hold(): void;
  release(): void;
}

export function gatedJournal(): GatedJournal {
  const memory = memoryJournal();
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  return {
    ...memory,
    async sync() {
      await gate.promise;
      await memory.sync();
    },
    hold() {
      gate = Promise.withResolvers();
    },
    release() {
      gate.resolve();
    },
  };
}
