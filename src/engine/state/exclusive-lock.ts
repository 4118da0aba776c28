import { closeSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import type * as sqlite from "node:sqlite";
import { FiredrillError } from "../../support/errors.ts";

/**
 * A lock on a file that dies with the process that holds it, whatever kills it: SQLite's EXCLUSIVE lock is a POSIX lock,
 * which the kernel releases at the end of the process and which no child inherits (fcntl(2), F_SETLK;
 * https://www.sqlite.org/lockingv3.html). It needs no native add-on. The file must be opened by nobody else: closing any
 * descriptor of it would release the lock.
 */
export interface HeldLock extends Disposable {
  readonly path: string;
}

const TRIES = 8;

/**
 * Null when another process, or another part of this one, holds it. What is locked is the file that stands at the path
 * afterwards: one that was replaced meanwhile (`replaceLock`) protects nothing.
 */
export function tryLock(path: string): HeldLock | null {
  for (let tries = 0; tries < TRIES; tries += 1) {
    createPrivate(path);
    const before = fileAt(path);
    const lock = tryFile(path);
    if (lock === null || (before !== null && fileAt(path) === before)) return lock;
    lock[Symbol.dispose]();
  }
  return null;
}

/**
 * A lock on a new file in the place of the one before. It is held before it stands there, so nobody comes between; whoever
 * holds the one before finds another file at the path and has lost it. Durable once the folder is synced.
 */
export function replaceLock(path: string): HeldLock {
  const beside = `${path}.${process.pid}.new`;
  rmSync(beside, { force: true });
  createPrivate(beside);
  const lock = tryFile(beside);
  if (lock === null) throw lockFailed(path, "somebody else makes another at the same time");
  renameSync(beside, path);
  return { ...lock, path };
}

/** Null when there is none. A number can be given to a later file, its time of birth cannot. */
function fileAt(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? null : `${found.dev}:${found.ino}:${found.birthtimeNs}`;
}

function tryFile(path: string): HeldLock | null {
  const { DatabaseSync } = quietSqlite();
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // In memory: an exclusive transaction must not leave a rollback journal beside the lock.
    database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (isBusy(error)) return null;
    throw lockFailed(path, error instanceof Error ? error.message : String(error), error);
  }
  let held = true;
  return {
    path,
    [Symbol.dispose]: () => {
      if (held) database.close();
      held = false;
    },
  };
}

function lockFailed(path: string, why: string, cause?: unknown): FiredrillError {
  return new FiredrillError("LOCK_FAILED", `The lock ${path} could not be taken: ${why}.`, {
    ...(cause === undefined ? {} : { cause }),
    hint: "The state directory must be on a file system with working POSIX locks, and writable.",
  });
}

/** SQLite would make it readable by all. A file that is there is not touched: that would release a lock. */
function createPrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

/** SQLITE_BUSY. */
const BUSY = 5;

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === BUSY;
}

let loaded: typeof sqlite | null = null;

/** Node announces node:sqlite as experimental, once, when it is loaded: that is our affair and not our users'. */
function quietSqlite(): typeof sqlite {
  if (loaded !== null) return loaded;
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was, never called from here
  const original = process.emitWarning;
  process.emitWarning = (): void => {};
  try {
    loaded = process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = original;
  }
  return loaded;
}
