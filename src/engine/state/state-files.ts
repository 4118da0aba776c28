import { existsSync, statSync, watch } from "node:fs";
import { mkdir, readFile, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory, writeFileAtomic } from "../../support/atomic-file.ts";
import { type HeldLock, replaceLock, tryLock } from "./exclusive-lock.ts";
import { removeStale } from "./stale-files.ts";

/** Where the engine keeps what outlives its process. The machine's own files, or a disk that a simulation can crash. */
export interface StateFiles {
  /** Null when it is not there. */
  read(path: string): Promise<Uint8Array | null>;
  /** Replaces the file as a whole, durably. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  truncate(path: string, bytes: number): Promise<void>;
  /** Makes one folder, 0700, whose name is durable then; false when it was there. */
  makeFolder(path: string): Promise<boolean>;
  /** Removes what a process that died left half written in these folders, and in those of the systems below them. */
  removeStale(folders: readonly string[], nowWallUs: number): Promise<void>;
  exists(path: string): boolean;
  /** Which file a path means now: another one once it was replaced. Null when there is none. */
  identity(path: string): string | null;
  /** Dies with its holder. Null when somebody has it. */
  lock(path: string): HeldLock | null;
  /** A lock on a new file in its place: whoever holds the one before finds another identity there. Durable. */
  replaceLock(path: string): Promise<HeldLock>;
  /** Calls, sooner or later or not at all, after the file of that name in the folder has changed. */
  watch(folder: string, name: string, call: () => void): Disposable;
}

export const systemFiles: StateFiles = {
  async read(path) {
    try {
      return await readFile(path);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return null;
      throw error;
    }
  },
  write: (path, content) => writeFileAtomic(path, content),
  truncate: (path, bytes) => truncate(path, bytes),
  async makeFolder(path) {
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      if (hasCode(error, "EEXIST")) return false;
      throw error;
    }
    await syncDirectory(dirname(path));
    return true;
  },
  removeStale,
  exists: (path) => existsSync(path),
  identity(path) {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? null : `${found.dev}:${found.ino}`;
  },
  lock: (path) => tryLock(path),
  async replaceLock(path) {
    const lock = replaceLock(path);
    await syncDirectory(dirname(path));
    return lock;
  },
  watch: watchFile,
};

/** A JSON document that people may read. */
export function writeJson(files: StateFiles, path: string, value: object): Promise<void> {
  return files.write(path, `${JSON.stringify(value, null, 2)}\n`);
}

function watchFile(folder: string, wanted: string, call: () => void): Disposable {
  try {
    const watcher = watch(folder, { persistent: false }, (_event, name) => {
      if (name === wanted) call();
    });
    watcher.on("error", () => watcher.close());
    return { [Symbol.dispose]: () => watcher.close() };
  } catch {
    // Whoever watches looks again and again as well.
    return { [Symbol.dispose]: () => undefined };
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
