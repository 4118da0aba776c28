import { dirname, join } from "node:path";
import { sha256Hex } from "../../support/canonical-json.ts";
import { FiredrillError } from "../../support/errors.ts";
import { type StateFiles, systemFiles } from "../state/state-files.ts";
import { isDamage, type JournalContent, readJournal } from "./journal-reader.ts";

/**
 * As `readJournal`, for a command that would act on what it reads. Damage is refused as there, and a copy of the file as it was found is
 * kept, once per content: `<run>/quarantine/journal-<first 16 digits of its sha256>.jsonl`. The journal itself is not touched.
 */
export async function readJournalToAct(path: string, files: StateFiles = systemFiles): Promise<JournalContent> {
  try {
    return await readJournal(path, files);
  } catch (error) {
    if (!isDamage(error)) throw error;
    throw withCopy(error, await quarantined(path, files));
  }
}

type Copy = { readonly kind: "kept"; readonly path: string } | { readonly kind: "none"; readonly why: string };

/** Never rejects: what is wrong with the journal must be told, whether it can be copied or not. */
async function quarantined(journal: string, files: StateFiles): Promise<Copy> {
  try {
    const bytes = await files.read(journal);
    if (bytes === null) return { kind: "none", why: "there is no file" };
    const folder = join(dirname(journal), "quarantine");
    await files.makeFolder(folder);
    const path = join(folder, `journal-${sha256Hex(bytes).slice(0, 16)}.jsonl`);
    if (!files.exists(path)) await files.write(path, bytes);
    return { kind: "kept", path };
  } catch (error) {
    return { kind: "none", why: error instanceof Error ? error.message : String(error) };
  }
}

function withCopy(damage: FiredrillError, copy: Copy): FiredrillError {
  const kept = copy.kind === "kept" ? `A copy is kept in ${copy.path}.` : `No copy could be made: ${copy.why}.`;
  return new FiredrillError(damage.code, `${damage.message} ${kept}`, {
    hint: "The journal was changed after it was written, or the disk lost data. A person must look; nothing is done from this run.",
    details: { ...damage.details, copy: copy.kind === "kept" ? copy.path : null },
    cause: damage,
  });
}
