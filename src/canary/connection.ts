import type { Client } from "pg";
import { sendCancel } from "./cancel.ts";
import type { PathHost } from "./path-spec.ts";
import { reasonOf, sqlStateOf } from "./reason.ts";
import { TIMED_OUT, within } from "./within.ts";

export type Row = readonly (string | null)[];

export type Answer =
  /** `warning`: SQLSTATE of a warning that came with it, or null. */
  | { readonly kind: "rows"; readonly rows: readonly Row[]; readonly warning: string | null }
  | { readonly kind: "error"; readonly sqlstate: string; readonly message: string }
  /** No answer: the connection broke or the time was over. It is closed by now. */
  | { readonly kind: "lost"; readonly reason: string };

/** How long a polite end may take before the socket is just closed. */
const END_US = 300_000;

/** A connection of a client: one statement at a time, by the simple protocol, which every pooler understands. */
export class CanaryConnection {
  readonly endpoint: string;
  readonly host: PathHost;
  readonly #client: Client;
  readonly #gone = new AbortController();
  #lost: string | null = null;
  #warning: string | null = null;

  constructor(client: Client, host: PathHost, endpoint: string) {
    this.host = host;
    this.endpoint = endpoint;
    this.#client = client;
    client.on("error", (error) => this.#lose(reasonOf(error)));
    client.on("end", () => this.#lose("closed"));
    client.on("notice", ({ code }) => {
      // Class 00 is information; a warning may say that a commit was not waited for (synchronous replication).
      if (code !== undefined && !code.startsWith("00")) this.#warning = code;
    });
  }

  /** Null while it is there, as far as is known. */
  get lost(): string | null {
    return this.#lost;
  }

  /** Aborted once the connection is gone, whoever ended it. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async ask(text: string, timeoutUs: number): Promise<Answer> {
    if (this.#lost !== null) return { kind: "lost", reason: this.#lost };
    this.#warning = null;
    const answer = await within(this.#answer(text), timeoutUs);
    if (answer !== TIMED_OUT) return answer;
    sendCancel(this.#client, this.host);
    this.drop("answer_timeout");
    return { kind: "lost", reason: "answer_timeout" };
  }

  async #answer(text: string): Promise<Answer> {
    try {
      const answer = await this.#client.query<(string | null)[]>({ text, rowMode: "array" });
      return { kind: "rows", rows: lastResult(answer).rows, warning: this.#warning };
    } catch (error) {
      const sqlstate = sqlStateOf(error);
      if (sqlstate !== null) return { kind: "error", sqlstate, message: messageOf(error) };
      const reason = this.#lost ?? reasonOf(error);
      this.drop(reason);
      return { kind: "lost", reason };
    }
  }

  /** Closes the socket at once. */
  drop(reason: string): void {
    this.#lose(reason);
    this.#client.connection.stream.destroy();
  }

  /** Says goodbye first. */
  async close(): Promise<void> {
    if (this.#lost === null) {
      const ended = this.#client.end().then(
        () => undefined,
        () => undefined,
      );
      await within(ended, END_US);
    }
    this.drop("closed");
  }

  #lose(reason: string): void {
    this.#lost ??= reason;
    this.#gone.abort();
  }
}

/** Boundary: for several statements in one text pg gives an array, which its types do not know. */
function lastResult<T>(answer: T | readonly T[]): T {
  const results = [answer].flat() as T[];
  return results.at(-1) ?? (answer as T);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
