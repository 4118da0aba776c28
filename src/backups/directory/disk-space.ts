import { StepError } from "../../drills/step-error.ts";

/** Free bytes of the file system that holds a path. Injected, so that a full disk can be tested. */
export type FreeBytes = (path: string) => Promise<number>;

/** A tenth for WAL, temporary files and what the server writes first. */
const SPARE = 1.1;

/** Throws `DISK_TOO_SMALL` before the first byte is written. */
export async function requireSpace(path: string, bytes: number, freeBytes: FreeBytes): Promise<void> {
  const needed = Math.ceil(bytes * SPARE);
  const free = await freeBytes(path);
  if (free >= needed) return;
  throw new StepError(
    "permanent",
    "DISK_TOO_SMALL",
    `${path} has ${free} bytes free, the backup needs ${needed} (its ${bytes} and a tenth)`,
    {
      hint: "Free space, or put the sandboxes on another disk with --state.",
      details: { freeBytes: free, neededBytes: needed },
    },
  );
}
