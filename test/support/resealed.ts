import type { JournalRecord } from "../../src/drills/run-event.ts";
import { NO_PREVIOUS, seal, type SealedRecord } from "../../src/engine/journal/journal-record.ts";

/** Records whose content was changed, with hashes and a chain that fit: what another program could have written. */
export function resealed(records: readonly JournalRecord[]): readonly SealedRecord[] {
  const sealed: SealedRecord[] = [];
  for (const { hash: _hash, prev: _prev, ...content } of records)
    sealed.push(seal({ ...content, prev: sealed.at(-1)?.record.hash ?? NO_PREVIOUS }));
  return sealed;
}
