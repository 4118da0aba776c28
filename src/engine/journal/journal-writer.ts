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

export interface JournalWriter {
  append(event: RunEvent): Appended;
  /** Resolves when everything appended so far is durable. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface JournalStart {
  readonly run: string;
  readonly epoch: number;
  /** Last record a former process wrote, or null. */
  readonly last: Pick<JournalRecord, "seq" | "hash"> | null;
}

export type WriteStage = "before-append" | "after-append" | "after-sync";

export function journalWriter(
  file: JournalFile,
  start: JournalStart,
  clock: Clock,
  onStage: (stage: WriteStage, records: readonly JournalRecord[]) => void = () => {},
): JournalWriter {
  let seq = start.last?.seq ?? 0;
  let prev = start.last?.hash ?? NO_PREVIOUS;
  let waiting: Batch | null = null;
  let pumping: Promise<void> = Promise.resolve();
  let writing = false;
  let failure: FiredrillError | null = null;

  async function pump(): Promise<void> {
    while (waiting !== null && failure === null) {
      const batch = waiting;
      waiting = null; // J3
      try {
        await commit(file, batch, onStage); // J2
        batch.done.resolve();
      } catch (error) {
        failure = journalFailed(error); // J4
        batch.done.reject(failure);
      }
    }
    // TypeScript cannot see that `append` may have put a batch here while a sync was awaited.
    (waiting as Batch | null)?.done.reject(failure);
    waiting = null;
    writing = false;
  }

  return {
    append(event) {
      if (failure !== null) throw failure; // J4
      const instants = { wall: clock.wallUs(), mono_us: clock.monoUs(), boot: clock.bootId };
      const sealed = seal(unsealed(event, { seq: seq + 1, run: start.run, epoch: start.epoch, prev, ...instants })); // J5
      seq += 1;
      prev = sealed.record.hash; // J1
      waiting ??= newBatch();
      waiting.lines.push(sealed.line);
      waiting.records.push(sealed.record);
      const durable = waiting.done.promise;
      if (!writing) {
        writing = true;
        // Begun in a microtask, so that what is appended in the same turn shares the write.
        pumping = Promise.resolve().then(pump);
      }
      return { record: sealed.record, durable };
    },
    async flush() {
      if (failure !== null) throw failure;
      await waiting?.done.promise;
      await pumping;
      if (failure !== null) throw failure;
    },
    async close() {
      await pumping;
      await file.close();
    },
  };
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

async function commit(
  file: JournalFile,
  batch: Batch,
  onStage: (stage: WriteStage, records: readonly JournalRecord[]) => void,
): Promise<void> {
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
