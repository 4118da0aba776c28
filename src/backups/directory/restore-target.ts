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
 * (0700 and 0600, owned by the user it runs as). The folders at the top are handed over last: until then nobody but us
 * can go in and put a link in the place of a folder that we are about to write to.
 */
export class RestoreTarget {
  readonly #target: FetchTarget;
  readonly #userId: number;
  readonly #changeOwner: boolean;
  readonly #closed: string[] = [];
  readonly #made = new Set<string>();
  readonly #tablespaces = new Set<string>();

  /** `userId` is ours: an ordinary user owns what it makes and may not give it away. */
  constructor(target: FetchTarget, userId: number) {
    this.#target = target;
    this.#userId = userId;
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
      this.#close(dir);
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

  /** Where a file goes; its folder is made when it is not there. */
  place(path: string): NewFile {
    const file = this.locate(path);
    this.#make(dirname(file));
    const { uid, gid } = this.#target;
    return { path, file, owner: this.#changeOwner ? { uid, gid } : null };
  }

  /** A new file's descriptor. */
  createFile(path: string): number {
    return createFile(this.place(path));
  }

  /** Links of tablespaces and the empty folders that a server needs; then all is the server's. */
  finish(): void {
    for (const folder of REQUIRED_FOLDERS) this.makeFolder(folder);
    for (const oid of this.#tablespaces) {
      const link = join(this.#target.dir, "pg_tblspc", oid);
      symlinkSync(join(this.#target.tablespaceRoot, oid), link);
      if (this.#changeOwner) lchownSync(link, this.#target.uid, this.#target.gid);
    }
    if (this.#changeOwner) for (const dir of this.#closed) lchownSync(dir, this.#target.uid, this.#target.gid);
  }

  /** Ours alone until `finish`. */
  #close(dir: string): void {
    if (this.#changeOwner) lchownSync(dir, this.#userId, -1);
    chmodSync(dir, 0o700);
    this.#closed.push(dir);
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
    if (!this.#made.has(root)) {
      mkdirSync(root, { recursive: true, mode: 0o700 });
      this.#close(root);
      this.#made.add(root);
    }
    this.#make(folder);
  }

  #own(folder: string): void {
    if (this.#changeOwner) chownSync(folder, this.#target.uid, this.#target.gid);
    this.#made.add(folder);
  }
}

/** A file that is to be made; plain data, so that a worker can make it. */
export interface NewFile {
  /** In the backup, for messages. */
  readonly path: string;
  readonly file: string;
  /** Null: whoever makes it. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
}

/** Made exclusively, never through a link, 0600. Throws `BACKUP_DUPLICATE`. */
export function createFile({ path, file, owner }: NewFile): number {
  try {
    const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    if (owner !== null) fchownSync(fd, owner.uid, owner.gid);
    return fd;
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw writeError(error);
    throw subjectError({ code: "BACKUP_DUPLICATE", message: `the backup holds ${JSON.stringify(path)} twice` }, error);
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
