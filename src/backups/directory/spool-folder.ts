import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fchownSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { writeWhole } from "./copy-file.ts";
import { RESTORE_SCRIPT, RESTORE_SCRIPT_NAME } from "./restore-command.ts";

const FOLDERS = ["ready", "request", "absent", "incoming"] as const;

/**
 * The folder between the feed and the server's restore_command; see restore-command.ts for what its names mean. When we
 * are root the folder itself, and `incoming`, stay ours: a server that could put a link in the place of `absent` would
 * choose where we write. What lies inside `ready`, `request` and `absent` is the server's.
 */
export class SpoolFolder {
  readonly dir: string;
  readonly #owner: { readonly uid: number; readonly gid: number } | null;

  /** `owner` is null when files are ours anyway. */
  constructor(dir: string, owner: { readonly uid: number; readonly gid: number } | null) {
    this.dir = dir;
    this.#owner = owner;
  }

  /** Empties what an earlier feed left. */
  open(feedPid: number): void {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    if (this.#owner !== null) this.#keep(this.#owner.gid);
    for (const name of [...FOLDERS, "failed", "closed", "feed", RESTORE_SCRIPT_NAME])
      rmSync(join(this.dir, name), { recursive: true, force: true });
    for (const name of FOLDERS) {
      mkdirSync(join(this.dir, name), { mode: 0o700 });
      if (name !== "incoming") this.#own(join(this.dir, name));
    }
    this.#write("feed", `${feedPid}\n`, 0o600);
    this.#write(RESTORE_SCRIPT_NAME, RESTORE_SCRIPT, 0o755);
  }

  get scriptPath(): string {
    return join(this.dir, RESTORE_SCRIPT_NAME);
  }

  ready(): readonly string[] {
    return readdirSync(join(this.dir, "ready"));
  }

  isReady(name: string): boolean {
    return existsSync(join(this.dir, "ready", name));
  }

  /** Names asked for; each is returned once. */
  takeRequests(): readonly string[] {
    const names = readdirSync(join(this.dir, "request"));
    for (const name of names) unlinkSync(join(this.dir, "request", name));
    return names;
  }

  answerAbsent(name: string): void {
    this.#write(join("absent", name), "", 0o600);
  }

  /** Descriptor of a new file that `publish` hands over. */
  receive(name: string): number {
    const path = join(this.dir, "incoming", name);
    rmSync(path, { force: true });
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    if (this.#owner !== null) fchownSync(fd, this.#owner.uid, this.#owner.gid);
    return fd;
  }

  publish(name: string): void {
    renameSync(join(this.dir, "incoming", name), join(this.dir, "ready", name));
  }

  discard(name: string, folder: "ready" | "incoming"): void {
    rmSync(join(this.dir, folder, name), { force: true });
  }

  fail(message: string): void {
    this.#write("failed", `${message}\n`, 0o600);
  }

  /** The script gives up from now on; what was not taken is removed. */
  close(): void {
    if (!existsSync(this.dir)) return;
    this.#write("closed", "", 0o600);
    for (const name of ["ready", "incoming"]) rmSync(join(this.dir, name), { recursive: true, force: true });
  }

  /** Written aside and renamed, so that the script never sees half of it. */
  #write(name: string, content: string, mode: number): void {
    const aside = `${join(this.dir, name)}.new`;
    rmSync(aside, { force: true });
    const fd = openSync(aside, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode);
    try {
      if (this.#owner !== null) fchownSync(fd, this.#owner.uid, this.#owner.gid);
      if (content !== "") writeWhole(fd, Buffer.from(content));
    } finally {
      closeSync(fd);
    }
    renameSync(aside, join(this.dir, name));
  }

  /** The server passes through and lists; only we put names into it. */
  #keep(gid: number): void {
    lchownSync(this.dir, 0, gid);
    chmodSync(this.dir, 0o750);
  }

  #own(path: string): void {
    if (this.#owner !== null) chownSync(path, this.#owner.uid, this.#owner.gid);
  }
}
