import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { StateFiles } from "../state/state-files.ts";

/**
 * How far a journal was on stable storage: its last record then. Written after each sync and never synced itself, so after a power cut it
 * may name an earlier record; it cannot name a later one than the disk was given. A journal that is shorter has lost records.
 */
export interface DurableNote {
  readonly seq: number;
  readonly hash: string;
}

export interface NoteFile {
  write(note: DurableNote): Promise<void>;
  close(): Promise<void>;
}

const VERSION = "firedrill/durable/v1";
/** Always as long, so that a new note covers the one before, in place: no new room is needed for it on a full disk. */
const LENGTH = 160;
const schema = z.object({ schemaVersion: z.literal(VERSION), seq: z.int().min(1), hash: z.string() });

export function durableNotePath(journal: string): string {
  return join(dirname(journal), "durable.json");
}

/** Null where it cannot be opened: a journal can do without. */
export async function openDurableNote(journal: string): Promise<NoteFile | null> {
  const handle = await open(durableNotePath(journal), constants.O_RDWR | constants.O_CREAT, 0o600).catch(() => null);
  if (handle === null) return null;
  return {
    async write(note) {
      const text = JSON.stringify({ schemaVersion: VERSION, seq: note.seq, hash: note.hash });
      await handle.write(Buffer.from(`${text.padEnd(LENGTH - 1)}\n`), 0, LENGTH, 0);
    },
    close: () => handle.close(),
  };
}

/** Null when there is none, or none that can be read: then nothing is known. */
export async function readDurableNote(journal: string, files: StateFiles): Promise<DurableNote | null> {
  const bytes = await files.read(durableNotePath(journal));
  if (bytes === null) return null;
  try {
    const { seq, hash } = schema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    return { seq, hash };
  } catch {
    return null;
  }
}
