import { readdir } from "node:fs/promises";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { parseWalFileName } from "../../formats/postgres/wal-file-name.ts";
import { type Compression, splitCompression } from "./compression.ts";
import { scanTar, type TarFile } from "./tar-walk.ts";
import { errnoOf, subjectError } from "./subject-error.ts";

/** One file of WAL by its name without a compression's suffix. */
export interface WalFile {
  readonly name: string;
  readonly path: string;
  /** On disk; the segment's own size only when not compressed. */
  readonly sizeBytes: number;
  readonly compression: Compression;
  readonly place: "archive" | "backup";
  /** Set for WAL inside a tar archive of the backup (then `path` is the archive's). */
  readonly inTar: { readonly position: number } | null;
}

/** What WAL there is: the archive's, and what the backup carries in its own pg_wal. */
export interface WalIndex {
  readonly archive: WalFolder;
  readonly backup: WalFolder;
}

export interface WalFolder {
  readonly segments: ReadonlyMap<string, WalFile>;
  readonly partials: ReadonlyMap<string, WalFile>;
  /** Timeline history files by timeline. */
  readonly histories: ReadonlyMap<number, WalFile>;
  /** Backup history files. */
  readonly backupHistories: readonly WalFile[];
}

export const EMPTY_FOLDER: WalFolder = {
  segments: new Map(),
  partials: new Map(),
  histories: new Map(),
  backupHistories: [],
};
/** Barman and others sort segments into folders named by the first 16 digits. */
const GROUP_FOLDER = /^[0-9A-F]{16}$/u;

/** Names and sizes of a folder of WAL. Throws `WAL_ARCHIVE_MISSING`. */
export async function indexWalFolder(
  path: string,
  place: WalFile["place"],
  segmentBytes: number,
  signal: AbortSignal,
): Promise<WalFolder> {
  const files: WalFile[] = [];
  for (const entry of await entriesOf(path)) {
    signal.throwIfAborted();
    if (entry.isFile()) files.push(walFile(path, entry.name, place));
    else if (entry.isDirectory() && GROUP_FOLDER.test(entry.name)) {
      const group = join(path, entry.name);
      for (const inner of await entriesOf(group)) if (inner.isFile()) files.push(walFile(group, inner.name, place));
    }
  }
  return sortFiles(files, segmentBytes);
}

/** WAL inside a tar archive of the backup: `pg_wal.tar`, or `pg_wal/` in `base.tar`. */
export async function indexWalTar(
  tar: TarFile,
  prefix: string,
  segmentBytes: number,
  signal: AbortSignal,
): Promise<WalFolder> {
  const files: WalFile[] = [];
  await scanTar(tar, signal, ({ entry, position }) => {
    const name = entry.name.replace(/^\.\//u, "");
    if (entry.kind === "file" && name.startsWith(prefix)) {
      files.push({
        name: name.slice(prefix.length),
        path: tar.path,
        sizeBytes: entry.sizeBytes,
        compression: tar.compression,
        place: "backup",
        inTar: { position },
      });
    }
    return "continue";
  });
  return sortFiles(files, segmentBytes);
}

async function entriesOf(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    const message =
      errnoOf(error) === "ENOENT"
        ? `the WAL archive ${path} does not exist`
        : `the WAL archive ${path} cannot be read: ${errnoOf(error)}`;
    throw subjectError(
      { code: "WAL_ARCHIVE_MISSING", message, hint: "Name the archive folder with `wal:` in the inventory." },
      error,
    );
  }
}

function walFile(folder: string, fileName: string, place: WalFile["place"]): WalFile {
  const path = join(folder, fileName);
  const { name, compression } = splitCompression(fileName);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return { name, path, sizeBytes: stats?.size ?? 0, compression, place, inTar: null };
}

function sortFiles(files: readonly WalFile[], segmentBytes: number): WalFolder {
  const segments = new Map<string, WalFile>();
  const partials = new Map<string, WalFile>();
  const histories = new Map<number, WalFile>();
  const backupHistories: WalFile[] = [];
  for (const file of files) {
    const parsed = parseWalFileName(file.name, segmentBytes);
    // Archived both plain and compressed: the plain file needs no decompression.
    if (parsed?.kind === "segment" && (file.compression === "none" || !segments.has(file.name)))
      segments.set(file.name, file);
    else if (parsed?.kind === "partial") partials.set(file.name.slice(0, 24), file);
    else if (parsed?.kind === "timeline-history") histories.set(parsed.timeline, file);
    else if (parsed?.kind === "backup-history") backupHistories.push(file);
  }
  return { segments, partials, histories, backupHistories };
}
