import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../support/atomic-file.ts";

/** Where the lines go. `write` may be called again only after the last call of either method has resolved. */
export interface JournalFile {
  write(text: string): Promise<void>;
  /** Resolves when everything written is on stable storage. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** Opens for appending, making it when `create` (then its name is durable too). */
export async function openJournalFile(path: string, create: boolean): Promise<JournalFile> {
  const handle = await open(path, create ? "ax" : "a", 0o600);
  if (create) await syncDirectory(dirname(path));
  return {
    async write(text) {
      // A short write goes on where it stopped: writeFile on a handle writes all or throws.
      await handle.writeFile(text, "utf8");
    },
    sync: () => handle.datasync(),
    close: () => handle.close(),
  };
}
