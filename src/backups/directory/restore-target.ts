import {
  chmodSync,
  chownSync,
  constants,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { StepError } from "../../drills/step-error.ts";
import type { FetchTarget } from "../../steps/ports/backup-source.ts";
import { REQUIRED_FOLDERS } from "./exclusions.ts";
import { errnoOf, subjectError } from "./subject-error.ts";

/**
 * Writes below the target and nowhere else: paths come checked (relative, no `..`), every folder on the way was made
 * here, files are created exclusively and never through a link. Owner and modes are those the server demands
 * (0700 and 0600, owned by the user it runs as).
 */
export class RestoreTarget {
  readonly #target: FetchTarget;
  readonly #changeOwner: boolean;
  readonly #made = new Set<string>();
  readonly #tablespaces = new Set<string>();

  /** `userId` is ours: an ordinary user owns what it makes and may not give it away. */
  constructor(target: FetchTarget, userId: number) {
    this.#target = target;
    this.#changeOwner = userId === 0 || userId !== target.uid;
  }

  /** Throws `FETCH_TARGET` when the folder does not exist or holds anything. */
  prepare(): void {
    const { dir } = this.#target;
    try {
      if (readdirSync(dir).length > 0)
        throw new StepError("permanent", "FETCH_TARGET", `${dir} is not empty`, {
          hint: "A restore goes into an empty folder.",
        });
      chmodSync(dir, 0o700);
      if (this.#changeOwner) chownSync(dir, this.#target.uid, this.#target.gid);
    } catch (cause) {
      if (errnoOf(cause) === undefined) throw cause;
      throw new StepError("permanent", "FETCH_TARGET", `${dir} cannot be written to: ${errnoOf(cause) ?? ""}`, {
        cause,
      });
    }
    this.#made.add(dir);
  }

  /** Where a path of the data directory goes: tablespaces beside it. */
  locate(path: string): string {
    const tablespace = /^pg_tblspc\/(\d{1,10})(?:\/(.*))?$/u.exec(path);
    const [, oid, rest] = tablespace ?? [];
    if (oid === undefined) return join(this.#target.dir, path);
    this.addTablespace(oid);
    return join(this.#target.tablespaceRoot, oid, rest ?? "");
  }

  addTablespace(oid: string): void {
    if (this.#tablespaces.has(oid)) return;
    this.#tablespaces.add(oid);
    const folder = join(this.#target.tablespaceRoot, oid);
    this.#makeRoot(folder);
  }

  makeFolder(path: string): void {
    this.#make(this.locate(path));
  }

  /** A new file's descriptor; its folder is made when it is not there. */
  createFile(path: string): number {
    const file = this.locate(path);
    this.#make(dirname(file));
    try {
      const fd = openSync(
        file,
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o600,
      );
      if (this.#changeOwner) fchownSync(fd, this.#target.uid, this.#target.gid);
      return fd;
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw writeError(error);
      throw subjectError(
        { code: "BACKUP_DUPLICATE", message: `the backup holds ${JSON.stringify(path)} twice` },
        error,
      );
    }
  }

  /** Links of tablespaces and the empty folders that a server needs. */
  finish(): void {
    for (const folder of REQUIRED_FOLDERS) this.makeFolder(folder);
    for (const oid of this.#tablespaces) {
      const link = join(this.#target.dir, "pg_tblspc", oid);
      symlinkSync(join(this.#target.tablespaceRoot, oid), link);
      if (this.#changeOwner) lchownSync(link, this.#target.uid, this.#target.gid);
    }
  }

  #make(folder: string): void {
    if (this.#made.has(folder)) return;
    this.#make(dirname(folder));
    mkdirSync(folder, { mode: 0o700 });
    this.#own(folder);
  }

  /** The root of all tablespaces may be there already; the folder of one must be new. */
  #makeRoot(folder: string): void {
    const root = dirname(folder);
    if (!this.#made.has(root) && mkdirSync(root, { recursive: true, mode: 0o700 }) !== undefined) this.#own(root);
    this.#made.add(root);
    this.#make(folder);
  }

  #own(folder: string): void {
    if (this.#changeOwner) chownSync(folder, this.#target.uid, this.#target.gid);
    this.#made.add(folder);
  }
}

/** Errors of the place we write to are ours, not the backup's. */
export function writeError(error: unknown): unknown {
  const code = errnoOf(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new StepError("permanent", "DISK_FULL", "the disk became full while the backup was copied", {
      cause: error,
      hint: "Free space, or put the sandboxes on another disk.",
    });
  }
  return error;
}
