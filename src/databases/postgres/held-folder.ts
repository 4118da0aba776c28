import { constants } from "node:fs";
import { type FileHandle, lchown, lstat, mkdir, open, readdir, rmdir, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";

export interface Owner {
  /** -1: stays as it is. */
  readonly uid: number;
  readonly gid: number;
}

/**
 * A folder held open by its descriptor. We may be root, and its owner a server: whoever puts a link in its place meanwhile
 * leads us nowhere, since names are looked up in the folder that was opened (`/proc/self/fd/<n>/<name>`).
 */
export class HeldFolder implements AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Throws (`ENOTDIR`, `ELOOP`, `ENOENT`) unless the last part of `path` is a folder itself. Its parents are trusted. */
  static async open(path: string): Promise<HeldFolder> {
    const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
    return new HeldFolder(await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  }

  /** For calls of `node:fs` that do not follow a link at the name itself: `lstat`, `unlink`, `rename`, an exclusive open. */
  path(name: string): string {
    return `/proc/self/fd/${this.#handle.fd}/${name}`;
  }

  folder(name: string): Promise<HeldFolder> {
    return HeldFolder.open(this.path(name));
  }

  names(): Promise<string[]> {
    return readdir(this.path("."));
  }

  /** A new file, never through a link. Throws `EEXIST`. */
  async write(name: string, text: string | Uint8Array, owner: Owner, mode: number): Promise<void> {
    const file = await open(this.path(name), "wx", 0o600);
    try {
      await file.writeFile(text);
      await give(file, owner, mode);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** As `write`, from a file that is open. */
  async copyIn(name: string, source: FileHandle, owner: Owner, mode: number): Promise<void> {
    const file = await open(this.path(name), "wx", 0o600);
    try {
      const chunk = Buffer.alloc(CHUNK_BYTES);
      for (let at = 0, bytes = -1; bytes !== 0; at += bytes) {
        ({ bytesRead: bytes } = await source.read(chunk, 0, CHUNK_BYTES, at));
        await file.writeFile(chunk.subarray(0, bytes));
      }
      await give(file, owner, mode);
    } finally {
      await file.close();
    }
  }

  /** Makes the names in it durable. */
  async sync(): Promise<void> {
    await this.#handle.sync();
  }

  async uid(): Promise<number> {
    return (await this.#handle.stat()).uid;
  }

  /**
   * Gives a tree away that nobody else could get into (`by`, mode 0700), what is in it first: as soon as it is another's, he may
   * put anything there. One that is given away already stays as it is. Throws for a folder that is somebody else's.
   */
  async giveTree(by: number, owner: Owner): Promise<void> {
    const uid = await this.uid();
    if (uid === owner.uid && uid !== by) return;
    if (uid !== by) throw new Error(`the folder belongs to user ${uid}`);
    for (const name of await this.names()) {
      if ((await lstat(this.path(name))).isDirectory()) {
        await using folder = await this.folder(name);
        await folder.giveTree(by, owner);
      } else await lchown(this.path(name), owner.uid, owner.gid);
    }
    await this.#handle.chown(owner.uid, owner.gid);
  }

  /** A folder of this name that holds nothing; what else stands there is removed, a link as a link. */
  async makeEmpty(name: string, owner: Owner): Promise<void> {
    const there = await this.folder(name).catch(() => null);
    if (there !== null) {
      await using folder = there;
      return await folder.#empty();
    }
    await this.remove(name);
    await mkdir(this.path(name), { mode: 0o700 });
    await using made = await this.folder(name);
    await made.give(owner, 0o700);
  }

  /** An entry with all that is in it. One that is not there is gone already. */
  async remove(name: string): Promise<void> {
    const code = await unlink(this.path(name)).then(() => null, errorCode);
    if (code === null || code === "ENOENT") return;
    if (code !== "EISDIR" && code !== "EPERM") throw new Error(`${name} cannot be removed: ${code}`);
    try {
      await this.#emptyFolder(name);
      await rmdir(this.path(name));
    } catch (error) {
      // Whoever made it may be removing it as well: pg_basebackup does when it is ended.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }

  async give(owner: Owner, mode: number): Promise<void> {
    await give(this.#handle, owner, mode);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }

  async #emptyFolder(name: string): Promise<void> {
    await using folder = await this.folder(name);
    await folder.#empty();
  }

  async #empty(): Promise<void> {
    for (const name of await this.names()) await this.remove(name);
  }
}

const CHUNK_BYTES = 1024 * 1024;

/** A path with all that is in it, through no link, whoever changes what is there meanwhile. */
export async function removeTree(path: string): Promise<void> {
  await using parent = await HeldFolder.open(dirname(path));
  await parent.remove(basename(path));
}

/** Mode first: a file given away is its owner's to change. */
async function give(handle: FileHandle, { uid, gid }: Owner, mode: number): Promise<void> {
  await handle.chmod(mode);
  await handle.chown(uid, gid);
}

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : String(error);
}
