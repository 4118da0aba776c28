/**
 * Appends records to a run's journal.
 *
 * Owns: sequence numbers, the hash chain, and when a record counts as durable.
 * Does not: decide what is recorded, or read back what a former process wrote (journal-reader.ts).
 *
 * Invariants
 *  J1  Records are written in the order of `append`, each chained to the one before it.
 *  J2  `append` resolves after an fdatasync that began after its line was written, never before.
 *  J3  Records appended while a sync is under way share the next one (group commit).
 *  J4  After the first failed write or sync nothing is acknowledged any more: what waits and what comes later is refused,
 *      because a kernel may report a failed sync once and drop the pages (fsync(2), EIO).
 *  J5  A record that cannot be sealed (a float in it) takes no number and breaks nothing.
 */
import type { JournalRecord, RunEvent } from "../../drills/run-event.ts";
import type { Clock } from "../../support/clock.ts";
import { FiredrillError } from "../../support/errors.ts";
import type { JournalFile } from "./journal-file.ts";
import { NO_PREVIOUS, seal, unsealed } from "./journal-record.ts";

export interface Appended {
  readonly record: JournalRecord;
  /** Resolves when it is durable, rejects with `JOURNAL_FAILED`. */
  readonly durable: Promise<void>;
}

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

  /** Throws `JOURNAL_FAILED` after a failure (J4), `JOURNAL_VALUE` and `NOT_JSON` for what cannot be written (J5). */
  append(event: RunEvent): Appended {
    if (this.#failure !== null) throw this.#failure; // J4
    const sealed = seal(unsealed(event, this.#position())); // J5
    this.#seq += 1;
    this.#prev = sealed.record.hash; // J1
    this.#waiting ??= newBatch();
    this.#waiting.lines.push(sealed.line);
    this.#waiting.records.push(sealed.record);
    const durable = this.#waiting.done.promise;
    this.#last = durable;
    // Begun in a microtask, so that what is appended in the same turn shares the write.
    this.#pumping ??= Promise.resolve().then(() => this.#pump());
    return { record: sealed.record, durable };
  }

  /** Resolves when everything appended so far is durable. */
  async flush(): Promise<void> {
    await this.#last;
    if (this.#failure !== null) throw this.#failure;
  }

  async close(): Promise<void> {
    await this.#pumping;
    await this.#file.close();
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
        if (this.#failure === null) await commit(this.#file, batch, this.#onStage); // J2
      } catch (error) {
        this.#failure = journalFailed(error); // J4
        this.#failed.resolve(this.#failure);
      }
      if (this.#failure === null) batch.done.resolve();
      else batch.done.reject(this.#failure);
    }
    this.#pumping = null;
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

async function commit(file: JournalFile, batch: Batch, onStage: OnStage): Promise<void> {
  onStage("before-append", batch.records);
  await file.write(batch.lines.join(""));
  onStage("after-append", batch.records);
  await file.sync();
  onStage("after-sync", batch.records);
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
