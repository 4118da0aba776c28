import { isAlive } from "../support/process-identity.ts";
import { type JournalContent, repairTail } from "./journal/journal-reader.ts";
import type { RunOwner } from "./state/run-owner.ts";
import type { StateFiles } from "./state/state-files.ts";

/**
 * Makes the journal this owner's own: what the one before may still write must not come into it (N2 of fence.ts). One that is
 * known to be dead writes nothing, so its file serves on, with a torn last record cut off; else it is replaced by a copy of
 * its whole records. Whoever writes a journal has named itself in `owner.json` before.
 */
export async function ownJournal(
  path: string,
  journal: JournalContent,
  { former, bootId }: { readonly former: RunOwner | null; readonly bootId: string },
  files: StateFiles,
): Promise<void> {
  if (isDead(former, bootId)) return repairTail(path, journal, files);
  const bytes = await files.read(path);
  const whole = Buffer.from(bytes ?? new Uint8Array()).subarray(0, journal.goodBytes);
  await files.write(path, whole.toString("utf8"));
}

/** Of another boot it could be of another machine, which shares the folder and lives. */
function isDead(owner: RunOwner | null, bootId: string): boolean {
  return owner !== null && owner.bootId === bootId && !isAlive(owner, bootId);
}
