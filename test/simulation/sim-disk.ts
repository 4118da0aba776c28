import type { HeldLock } from "../../src/engine/state/exclusive-lock.ts";
import type { StateFiles } from "../../src/engine/state/state-files.ts";
import type { JournalFile } from "../../src/engine/journal/journal-file.ts";
import type { DurableNote } from "../../src/engine/journal/durable-note.ts";
import type { Chance } from "./chance.ts";
import type { SimProcess } from "./sim-process.ts";

type Change =
  | { readonly kind: "append"; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly length: number };

interface SimFile {
  readonly inode: number;
  /** What a power cut cannot take. */
  durable: Buffer;
  /** What is in the kernel's memory only, in order. */
  unsynced: Change[];
}

/** How often each fault happens, per call. */
export interface DiskFaults {
  readonly write: number;
  readonly sync: number;
  readonly replace: number;
  readonly slowSync: number;
}

export interface DiskEvents {
  /** Everything in the file is durable from now on. */
  synced(path: string, durable: Buffer): void;
  /** `by` is whoever it happened to; null: nobody. */
  fault(kind: string, by: SimProcess | null): void;
}

/**
 * The disk of a simulated machine. It keeps what was synced; of what was only written a power cut leaves a part, from the
 * beginning on. A process that is killed leaves all it had written, and may leave a part of what it was writing.
 */
export class SimDisk {
  readonly #files = new Map<string, SimFile>();
  readonly #folders = new Set<string>();
  readonly #locks = new Map<string, { readonly process: SimProcess }>();
  readonly #chance: Chance;
  readonly #events: DiskEvents;
  faults: DiskFaults;
  #inodes = 0;

  constructor(chance: Chance, faults: DiskFaults, events: DiskEvents) {
    this.#chance = chance;
    this.faults = faults;
    this.#events = events;
  }

  makeFolder(path: string): void {
    this.#folders.add(path);
  }

  /** Names of the folders right below, in the order made. */
  foldersIn(prefix: string): readonly string[] {
    return [...this.#folders].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  }

  exists(path: string): boolean {
    return this.#folders.has(path) || this.#files.has(path);
  }

  read(path: string): Buffer | null {
    const file = this.#files.get(path);
    return file === undefined ? null : contentOf(file);
  }

  /** By somebody else than an orchestrator: at once, and durable. */
  put(path: string, content: string): void {
    const durable = Buffer.from(content);
    this.#files.set(path, { inode: (this.#inodes += 1), durable, unsynced: [] });
    this.#events.synced(path, durable);
  }

  remove(path: string): void {
    this.#files.delete(path);
  }

  /** The file of a lock was replaced: who held it holds nothing that others would see. */
  replaceLock(path: string): void {
    this.#locks.delete(path);
    this.put(path, "");
  }

  release(process: SimProcess): void {
    for (const [path, held] of this.#locks) if (held.process === process) this.#locks.delete(path);
  }

  /** What the kernel does some time by itself. */
  writeBack(): void {
    for (const [path, file] of this.#files) if (file.unsynced.length > 0) this.#makeDurable(path, file);
  }

  powerCut(): void {
    for (const [path, file] of this.#files) this.#loseUnsynced(path, file);
  }

  filesOf(process: SimProcess): StateFiles {
    return {
      read: (path) => process.ask(`read ${path}`, this.#latency(), () => this.read(path)),
      write: (path, content) =>
        this.#replace(process, path, typeof content === "string" ? content : Buffer.from(content).toString()),
      truncate: (path, length) =>
        process.ask(`truncate ${path}`, this.#latency(), () => this.#change(path, { kind: "truncate", length })),
      // A file is replaced as a whole here.
      removeStale: async () => undefined,
      makeFolder: (path) => process.ask(`mkdir ${path}`, this.#latency(), () => this.#addFolder(path)),
      exists: (path) => this.exists(path),
      identity: (path) => this.#files.get(path)?.inode.toString() ?? null,
      lock: (path) => this.#lock(process, path),
      replaceLock: (path) => process.ask(`replace ${path}`, this.#latency(), () => this.#lockAnew(process, path)),
      // Told of nothing: who watches looks again and again as well.
      watch: () => ({ [Symbol.dispose]: () => undefined }),
    };
  }

  async openJournal(process: SimProcess, path: string, create: boolean): Promise<JournalFile> {
    await process.ask(`open ${path}`, this.#latency(), () => {
      if (create && this.#files.has(path)) throw failure("EEXIST", `file already exists, open '${path}'`);
      if (!this.#files.has(path)) this.put(path, "");
      this.put(reserveOf(path), "");
    });
    // The file that is there now, also when another one takes its name.
    const file = this.#files.get(path);
    if (file === undefined) throw new TypeError(`no file ${path}`);
    const good = { bytes: contentOf(file).length };
    return {
      write: async (text) => {
        const bytes = Buffer.from(text);
        await this.#append(process, file, path, bytes);
        good.bytes += bytes.length;
      },
      sync: () => this.#sync(process, file, path),
      freeReserve: () =>
        process.ask(`free ${path}`, this.#latency(), () => {
          if (!this.#files.delete(reserveOf(path))) return false;
          file.unsynced.push({ kind: "truncate", length: good.bytes });
          return true;
        }),
      noteDurable: (note) => this.#note(process, path, note),
      close: () => process.ask(`close ${path}`, this.#latency(), () => undefined),
    };
  }

  #addFolder(path: string): boolean {
    if (this.#folders.has(path)) return false;
    this.#folders.add(path);
    return true;
  }

  /** Written and not synced: it may be of before a power cut. */
  async #note(process: SimProcess, journal: string, { seq, hash }: DurableNote): Promise<void> {
    const path = journal.replace("journal.jsonl", "durable.json");
    const text = JSON.stringify({ schemaVersion: "firedrill/durable/v1", seq, hash });
    return process.ask(`note ${path}`, this.#latency(), () => {
      if (!this.#files.has(path)) this.put(path, "");
      const file = this.#files.get(path);
      file?.unsynced.push({ kind: "truncate", length: 0 }, { kind: "append", bytes: Buffer.from(text) });
    });
  }

  async #replace(process: SimProcess, path: string, content: string): Promise<void> {
    const fails = this.#chance.happens(this.faults.replace);
    const perform = (): void => {
      if (fails) this.#fail(process, "a file of the state cannot be written", "ENOSPC", "no space left on device");
      this.put(path, content);
    };
    const abandoned = (): void => {
      if (!fails && this.#chance.happens(0.5)) this.put(path, content);
    };
    return process.ask(`replace ${path}`, this.#latency(), perform, abandoned);
  }

  async #append(process: SimProcess, file: SimFile, path: string, bytes: Buffer): Promise<void> {
    const fails = this.#chance.happens(this.faults.write);
    const full = fails && this.#chance.happens(0.7);
    const part = (): Change => ({
      kind: "append",
      bytes: bytes.subarray(0, this.#chance.below(bytes.length + 1)),
    });
    const perform = (): void => {
      file.unsynced.push(fails ? part() : { kind: "append", bytes });
      const none = "no space left on device";
      if (full && this.#files.has(reserveOf(path))) this.#fail(process, "the disk is full", "ENOSPC", none);
      if (full) this.#fail(process, "the journal cannot be written: no room", "ENOSPC", none);
      if (fails) this.#fail(process, "the journal cannot be written", "EIO", "input/output error");
    };
    return process.ask(`write ${path}`, this.#latency(), perform, () => {
      this.#events.fault("died while it wrote", null);
      file.unsynced.push(part());
    });
  }

  async #sync(process: SimProcess, file: SimFile, path: string): Promise<void> {
    const fails = this.#chance.happens(this.faults.sync);
    const slow = this.#chance.happens(this.faults.slowSync);
    if (slow) this.#events.fault("a sync is slow", process);
    const delayUs = slow ? this.#chance.between(100_000, 1_500_000) : this.#chance.between(100, 3000);
    const perform = (): void => {
      if (fails) {
        // The kernel tells of it once and drops the pages (fsync(2), EIO).
        this.#loseUnsynced(path, file);
        this.#fail(process, "the journal cannot be synced", "EIO", "input/output error");
      }
      this.#makeDurable(path, file);
    };
    const abandoned = (): void => {
      if (!fails && this.#chance.happens(0.5)) this.#makeDurable(path, file);
    };
    return process.ask(`sync ${path}`, delayUs, perform, abandoned);
  }

  #makeDurable(path: string, file: SimFile): void {
    file.durable = contentOf(file);
    file.unsynced = [];
    if (this.#files.get(path) === file) this.#events.synced(path, file.durable);
  }

  #change(path: string, change: Change): void {
    this.#files.get(path)?.unsynced.push(change);
  }

  #loseUnsynced(path: string, file: SimFile): void {
    if (file.unsynced.length === 0) return;
    const whole = file.unsynced.slice(0, this.#chance.below(file.unsynced.length + 1));
    const next = file.unsynced[whole.length];
    if (next?.kind === "append") {
      const bytes = next.bytes.subarray(0, this.#chance.below(next.bytes.length + 1));
      whole.push({ kind: "append", bytes });
    }
    this.#events.fault("what was written and not synced is lost", null);
    file.unsynced = whole;
    this.#makeDurable(path, file);
  }

  #lock(process: SimProcess, path: string): HeldLock | null {
    if (!process.alive || this.#locks.has(path)) return null;
    if (!this.#files.has(path)) this.put(path, "");
    return this.#hold(process, path);
  }

  #lockAnew(process: SimProcess, path: string): HeldLock {
    this.replaceLock(path);
    return this.#hold(process, path);
  }

  /** Of one file: to let go of a lock on the file before means nothing to the one there is now. */
  #hold(process: SimProcess, path: string): HeldLock {
    const held = { process };
    this.#locks.set(path, held);
    return {
      path,
      [Symbol.dispose]: () => {
        if (process.alive && this.#locks.get(path) === held) this.#locks.delete(path);
      },
    };
  }

  #fail(by: SimProcess, kind: string, code: string, message: string): never {
    this.#events.fault(kind, by);
    throw failure(code, message);
  }

  #latency(): number {
    return this.#chance.between(20, 400);
  }
}

function reserveOf(journal: string): string {
  return journal.replace(".jsonl", ".reserve");
}

function contentOf({ durable, unsynced }: SimFile): Buffer {
  return unsynced.reduce<Buffer>(
    (content, change) =>
      change.kind === "append" ? Buffer.concat([content, change.bytes]) : content.subarray(0, change.length),
    durable,
  );
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
