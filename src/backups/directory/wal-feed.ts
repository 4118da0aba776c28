import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import type { BackupRef } from "../../drills/backup-ref.ts";
import { parseWalFileName } from "../../formats/postgres/wal-file-name.ts";
import type { WalFeed, Watch } from "../../steps/ports/backup-source.ts";
import { restoreCommand } from "./restore-command.ts";
import type { SpoolFolder } from "./spool-folder.ts";
import { stageWal } from "./stage-wal.ts";
import type { WalFile } from "./wal-index.ts";

/** Which file answers a request; undefined: there is none, or the server has its own copy. */
export interface WalSupply {
  find(name: string): WalFile | undefined;
  /** Looks again: an archive of a living system grows. */
  refresh(): Promise<void>;
  /** Name on the way to the target that follows a segment; undefined when there is none. */
  after(name: string): string | undefined;
  readonly first: string;
}

const AHEAD_BYTES = 512 * 1024 * 1024;
const AHEAD_SEGMENTS = 32;
/** Only a safety net: changes in the spool are announced by the kernel. */
const LOOK_INTERVAL_MS = 250;

/**
 * Job: answers the requests of the server's restore_command and keeps the next segments ready before they are asked for.
 * Owns the spool folder's content. Does not decide what is restored: assess-backup.ts did that.
 *
 * 1. A file is ready only when it is complete and was checked.
 * 2. One piece of work at a time; requests go before fetching ahead.
 * 3. Damage fails the feed when the server asks for the damaged file, never before: the target may lie before it.
 * 4. After a failure nothing is answered "absent" any more: the server must stop, not promote.
 * 5. A segment may be asked for again after it was handed over, and is then served again.
 */
export class DirectoryWalFeed implements WalFeed {
  readonly restoreCommand: string;
  readonly #spool: SpoolFolder;
  readonly #supply: WalSupply;
  readonly #backup: BackupRef;
  readonly #watch: Watch;
  readonly #stop = new AbortController();
  readonly #watchers: FSWatcher[] = [];
  readonly #damaged = new Map<string, unknown>();
  readonly #staged = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #cursor: string | undefined;
  #working: Promise<void> | null = null;
  #again = false;
  #failure: Error | null = null;
  #segments = 0;
  #bytes = 0;

  constructor(spool: SpoolFolder, supply: WalSupply, backup: BackupRef, progress: Watch) {
    this.#spool = spool;
    this.#supply = supply;
    this.#backup = backup;
    this.#watch = progress;
    this.#cursor = supply.first;
    this.restoreCommand = restoreCommand(spool.scriptPath);
    for (const folder of ["request", "ready"])
      this.#watchers.push(watch(join(spool.dir, folder), () => this.#look()).on("error", () => undefined));
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
    progress.signal.addEventListener("abort", this.#halt, { once: true });
    this.#look();
  }

  handedOver(): { readonly segments: number; readonly bytes: number } {
    this.#countTaken();
    return { segments: this.#segments, bytes: this.#bytes };
  }

  failure(): Error | null {
    return this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.signal.removeEventListener("abort", this.#halt);
    this.#halt();
    await this.#working;
    this.#countTaken();
    this.#spool.close();
  }

  readonly #halt = (): void => {
    clearInterval(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    this.#stop.abort();
  };

  /** Starts the worker unless it runs; then it looks once more when it is done (invariant 2). */
  #look(): void {
    this.#again = true;
    if (this.#working !== null || this.#stop.signal.aborted) return;
    this.#working = this.#work().finally(() => {
      this.#working = null;
    });
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#stop.signal.aborted) {
      this.#again = false;
      try {
        this.#countTaken();
        for (const name of this.#spool.takeRequests()) await this.#answer(name);
        if (await this.#fetchAhead()) this.#again = true;
      } catch (error) {
        this.#fail(error);
      }
    }
  }

  async #answer(name: string): Promise<void> {
    if (this.#failure !== null || this.#spool.isReady(name)) return;
    if (this.#damaged.has(name)) return this.#fail(this.#damaged.get(name));
    if (this.#supply.find(name) === undefined) await this.#supply.refresh();
    const file = this.#supply.find(name);
    if (file === undefined) return this.#spool.answerAbsent(name);
    await this.#stage(file);
    this.#moveCursor(name);
  }

  /** The server is here now: what lies behind will not be asked for soon, what follows is fetched. */
  #moveCursor(name: string): void {
    const next = this.#supply.after(name);
    if (parseWalFileName(name, this.#backup.walSegmentBytes)?.kind !== "segment") return;
    if (
      this.#cursor !== undefined &&
      next !== undefined &&
      next.slice(8) <= this.#cursor.slice(8) &&
      this.#spool.isReady(next)
    )
      return;
    this.#cursor = next;
  }

  /** Stages one segment; false when there is nothing to do. */
  async #fetchAhead(): Promise<boolean> {
    const name = this.#cursor;
    if (name === undefined || this.#failure !== null) return false;
    const limit = Math.max(2, Math.min(AHEAD_SEGMENTS, Math.floor(AHEAD_BYTES / this.#backup.walSegmentBytes)));
    if (this.#spool.ready().length >= limit) return false;
    this.#cursor = this.#supply.after(name);
    const file = this.#supply.find(name);
    if (file === undefined || this.#spool.isReady(name) || this.#damaged.has(name)) return this.#cursor !== undefined;
    try {
      await this.#stage(file);
    } catch (error) {
      // Invariant 3: kept until the server asks for it.
      if (!this.#stop.signal.aborted) this.#damaged.set(name, error);
    }
    return true;
  }

  async #stage(file: WalFile): Promise<void> {
    this.#staged.set(file.name, 0);
    this.#staged.set(file.name, await stageWal(file, this.#spool, this.#backup, this.#stop.signal));
  }

  #fail(error: unknown): void {
    if (this.#stop.signal.aborted || this.#failure !== null) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#spool.fail(this.#failure.message);
  }

  /** What was staged and is not ready any more was taken by the server. */
  #countTaken(): void {
    const ready = new Set(
      this.#stop.signal.aborted && this.#working === null
        ? [...this.#staged.keys()].filter((name) => this.#spool.isReady(name))
        : this.#spool.ready(),
    );
    for (const [name, bytes] of this.#staged) {
      if (ready.has(name) || bytes === 0) continue;
      this.#staged.delete(name);
      if (parseWalFileName(name, this.#backup.walSegmentBytes)?.kind !== "segment") continue;
      this.#segments += 1;
      this.#bytes += bytes;
      this.#watch.progress({ what: "wal", done: this.#bytes, total: null, unit: "bytes" });
    }
  }
}
