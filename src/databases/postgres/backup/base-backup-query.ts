import type pg from "pg";
import type { Readable } from "node:stream";
import { type BackupMessage, readBackupMessage } from "./copy-protocol.ts";

/** One result row as text. */
type TextRow = readonly (string | null)[];

/** A message queue between the socket and the disk: beyond the high mark the socket is not read, below the low one it is. */
const HIGH_BYTES = 8 * 1024 * 1024;
const LOW_BYTES = 2 * 1024 * 1024;

/**
 * BASE_BACKUP as a query of `pg`, which knows nothing of copying out. Iterate it for the messages; `rows` holds the result
 * sets around them: first start LSN and timeline, last stop LSN and timeline.
 */
export class BaseBackupQuery implements pg.Submittable, AsyncIterable<BackupMessage> {
  readonly rows: TextRow[] = [];
  readonly #command: string;
  readonly #queue: BackupMessage[] = [];
  #queuedBytes = 0;
  #socket: Readable | null = null;
  #end: { readonly error: Error | null } | null = null;
  #wake: () => void = () => undefined;

  constructor(command: string) {
    this.#command = command;
  }

  submit(connection: pg.Connection): void {
    this.#socket = connection.stream;
    connection.query(this.#command);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BackupMessage> {
    for (;;) {
      const message = this.#queue.shift();
      if (message !== undefined) {
        this.#taken(message);
        yield message;
      } else if (this.#end === null) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
      } else if (this.#end.error === null) return;
      else throw this.#end.error;
    }
  }

  handleRowDescription(): void {}
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}

  handleDataRow(message: { readonly fields: TextRow }): void {
    this.rows.push([...message.fields]);
  }

  handleCopyData(message: { readonly chunk: Uint8Array }): void {
    const read = readBackupMessage(Buffer.from(message.chunk));
    if (read === undefined) return;
    this.#queue.push(read);
    this.#queuedBytes += sizeOf(read);
    if (this.#queuedBytes > HIGH_BYTES) this.#socket?.pause();
    this.#wake();
  }

  handleReadyForQuery(): void {
    this.#finish(null);
  }

  handleError(error: Error): void {
    this.#finish(error);
  }

  #taken(message: BackupMessage): void {
    this.#queuedBytes -= sizeOf(message);
    if (this.#queuedBytes < LOW_BYTES && this.#socket?.isPaused() === true) this.#socket.resume();
  }

  /** The first answer counts: after an error the server still says that it is ready. */
  #finish(error: Error | null): void {
    this.#end ??= { error };
    this.#wake();
  }
}

function sizeOf(message: BackupMessage): number {
  return message.kind === "data" ? message.bytes.length : 0;
}
