/**
 * Appends records to a run's journal.
 *
 * Owns: sequence numbers, the hash chain, and when a record counts as durable.
 * Does not: decide what is recorded, or read back what a former process wrote (journal-reader.ts).
 *
 * It is open; on a full disk it is closing (the freed reserve holds what is still to be said); after a failure it is failed.
 *
 *   open --no room--> closing --any failure, no room again--> failed
 *   open --any other failure, or no reserve--> failed
 *
 * Invariants
 *  J1  Records are written in the order of `append`, each chained to the one before it.
 *  J2  `append` resolves after an fdatasync that began after its line was written, never before.
 *  J3  Records appended while a sync is under way share the next one (group commit).
 *  J4  After the first failed write or sync nothing is acknowledged any more: what waits and what comes later is refused,
 *      because a kernel may report a failed sync once and drop the pages (fsync(2), EIO). The one exception is J6.
 *  J5  A record that cannot be sealed (a float in it) takes no number and breaks nothing.
 *  J6  A write for which there was no room is cut off and done once more on the freed reserve. It and all that was appended before
 *      anybody could know (`full` was false) becomes durable as `closing`: on record, and no leave to act. A sync that failed is J4.
 *  J7  The note of what is durable is written after the sync it speaks of, never before.
 */
import type { JournalRecord, RunEvent } from "../../drills/run-event.ts";
import type { Clock } from "../../support/clock.ts";
import { FiredrillError } from "../../support/errors.ts";
import type { JournalFile } from "./journal-file.ts";
import { isNoRoom } from "./no-room.ts";
import { NO_PREVIOUS, seal, unsealed } from "./journal-record.ts";

export interface Appended {
  readonly record: JournalRecord;
  /** Resolves when it is durable, rejects with `JOURNAL_FAILED`. */
  readonly durable: Promise<Durability>;
}

export type Durability =
  | { readonly kind: "acknowledged" }
  /** Durable on the reserve of a full disk: what it was the intent of must not begin (J6). */
  | { readonly kind: "closing" };

const ACKNOWLEDGED: Durability = { kind: "acknowledged" };
const CLOSING: Durability = { kind: "closing" };

export interface JournalStart {
  readonly run: string;
  readonly epoch: number;
  /** Last record a former process wrote, or null. */
  readonly last: Pick<JournalRecord, "seq" | "hash"> | null;
}

export type WriteStage = "before-append" | "after-append" | "after-sync";
export type OnStage = (stage: WriteStage, records: readonly JournalRecord[]) => void;

export class JournalWriter {
  readonly #file: JournalFile;
  readonly #start: JournalStart;
  readonly #clock: Clock;
  readonly #onStage: OnStage;
  #seq: number;
  #prev: string;
  #waiting: Batch | null = null;
  #pumping: Promise<void> | null = null;
  /** Of the batch that holds the last record. */
  #last: Promise<void> = Promise.resolve();
  #failure: FiredrillError | null = null;
  readonly #failed = Promise.withResolvers<FiredrillError>();
  #closing: Promise<void> | null = null;
  #full = false;
  readonly #filled = Promise.withResolvers<void>();

  constructor(file: JournalFile, start: JournalStart, clock: Clock, onStage: OnStage = () => {}) {
    this.#file = file;
    this.#start = start;
    this.#clock = clock;
    this.#onStage = onStage;
    this.#seq = start.last?.seq ?? 0;
    this.#prev = start.last?.hash ?? NO_PREVIOUS;
  }

  /** Resolves when the journal fails: also a run that waits for something else must end then. */
  get failed(): Promise<FiredrillError> {
    return this.#failed.promise;
  }

  /** Whether the disk is full, and what is appended from now on lives on the reserve: it must be about the end of the run. */
  get full(): boolean {
    return this.#full;
  }

  /** Resolves when `full` becomes true. */
  get filled(): Promise<void> {
    return this.#filled.promise;
  }

  /** Throws `JOURNAL_FAILED` after a failure (J4), `JOURNAL_VALUE` and `NOT_JSON` for what cannot be written (J5). */
  append(event: RunEvent): Appended {
    if (this.#failure !== null) throw this.#failure; // J4
    const sealed = seal(unsealed(event, this.#position())); // J5
    this.#seq += 1;
    this.#prev = sealed.record.hash; // J1
    this.#waiting ??= newBatch();
    this.#waiting.lines.push(sealed.line);
    this.#waiting.records.push(sealed.record);
    this.#last = this.#waiting.done.promise;
    const durable = this.#durability(this.#last);
    durable.catch(() => {});
    // Begun in a microtask, so that what is appended in the same turn shares the write.
    this.#pumping ??= Promise.resolve().then(() => this.#pump());
    return { record: sealed.record, durable };
  }

  async #durability(batch: Promise<void>): Promise<Durability> {
    const known = this.#full;
    await batch;
    return this.#full && !known ? CLOSING : ACKNOWLEDGED; // J6
  }

  /** Resolves when everything appended so far is durable. */
  async flush(): Promise<void> {
    await this.#last;
    if (this.#failure !== null) throw this.#failure;
  }

  /** Closes the journal of a run that has ended: its reserve is given back. */
  async end(): Promise<void> {
    await this.#pumping;
    await this.#file.freeReserve?.();
    await this.close();
  }

  /** The reserve stays, for whoever takes the run over. Calling it again changes nothing. */
  async close(): Promise<void> {
    await this.#pumping;
    this.#closing ??= this.#file.close();
    await this.#closing;
  }

  #position(): Parameters<typeof unsealed>[1] {
    const { run, epoch } = this.#start;
    const now = { wall: this.#clock.wallUs(), mono_us: this.#clock.monoUs(), boot: this.#clock.bootId };
    return { seq: this.#seq + 1, run, epoch, prev: this.#prev, ...now };
  }

  /** Never rejects: a failure reaches those who wait for their batch, and everybody later. */
  async #pump(): Promise<void> {
    for (let batch = this.#next(); batch !== null; batch = this.#next()) {
      try {
        if (this.#failure === null) await this.#commit(batch);
      } catch (error) {
        this.#failure = journalFailed(error); // J4
        this.#failed.resolve(this.#failure);
      }
      if (this.#failure === null) batch.done.resolve();
      else batch.done.reject(this.#failure);
    }
    this.#pumping = null;
  }

  async #commit({ records, lines }: Batch): Promise<void> {
    this.#onStage("before-append", records);
    await this.#write(lines.join(""));
    this.#onStage("after-append", records);
    await this.#file.sync(); // J2
    this.#onStage("after-sync", records);
    const last = records.at(-1);
    if (last !== undefined) await this.#file.noteDurable?.({ seq: last.seq, hash: last.hash }); // J7
  }

  async #write(text: string): Promise<void> {
    try {
      await this.#file.write(text);
    } catch (error) {
      if (this.#full || !isNoRoom(error)) throw error; // J4
      this.#full = true;
      this.#filled.resolve();
      if ((await this.#file.freeReserve?.()) !== true) throw error;
      await this.#file.write(text); // J6
    }
  }

  /** What has gathered since the last write began (J3). */
  #next(): Batch | null {
    const batch = this.#waiting;
    this.#waiting = null;
    return batch;
  }
}

interface Batch {
  readonly lines: string[];
  readonly records: JournalRecord[];
  readonly done: PromiseWithResolvers<void>;
}

function newBatch(): Batch {
  const done = Promise.withResolvers<void>();
  // Whoever appended may wait for a later record only; a refusal reaches it there.
  done.promise.catch(() => {});
  return { lines: [], records: [], done };
}

function journalFailed(cause: unknown): FiredrillError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new FiredrillError(
    "JOURNAL_FAILED",
    `The journal could not be written: ${reason}. Nothing more is done in this run.`,
    {
      cause,
      hint: "Make room or repair the disk, then run `firedrill clean` to remove what the run made.",
    },
  );
}
