import { readJournal } from "./journal-reader.ts";

/** Throws `JOURNAL_DAMAGED`. */
export async function journalHasEnded(path: string): Promise<boolean> {
  return (await readJournal(path)).records.some((record) => record.type === "run.finished");
}
