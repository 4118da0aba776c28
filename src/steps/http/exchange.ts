import { StepError } from "../../drills/step-error.ts";
import { type Clock, type Instant, instant } from "../../support/clock.ts";
import { deadlineAfter } from "../../support/deadline.ts";
import { printable } from "../../support/printable.ts";
import type { Redactor } from "../../support/redact.ts";
import { integersOnly } from "../integers-only.ts";

export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly timeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly cut: boolean;
  /** Null where the body is cut or no JSON. */
  readonly json: unknown;
  /** When the answer's head had come. */
  readonly done: Instant;
}

/** What is kept of an answer. */
const KEPT_BYTES = 64 * 1024;
/** Read besides, so that a secret at the cut is still whole when it is taken out. */
const SPARE_BYTES = 16 * 1024;

/**
 * One request and its answer, bounded in time and size. Throws `HTTP_NO_ANSWER`, `HTTP_HEADER`; when `signal` is aborted, its
 * reason.
 */
export async function exchange(
  { method, url, headers, body, timeoutMs }: Exchange,
  redactor: Pick<Redactor, "text">,
  clock: Clock,
  signal: AbortSignal,
): Promise<Answer> {
  const own = deadlineAfter(timeoutMs);
  const init = {
    method,
    headers: checked(headers),
    body,
    redirect: "manual",
    signal: AbortSignal.any([signal, own]),
  } as const;
  try {
    const response = await fetch(url, init);
    const done = instant(clock);
    const read = Buffer.from(redactor.text(await readBounded(response)), "utf8");
    const cut = read.length > KEPT_BYTES;
    // Streaming, the decoder keeps the first half of a character that the cut went through to itself.
    const text = new TextDecoder().decode(read.subarray(0, KEPT_BYTES), { stream: cut });
    return { status: response.status, body: text, cut, json: cut ? null : jsonOf(text), done };
  } catch (error) {
    signal.throwIfAborted();
    throw noAnswer(`${method} ${printable(url, 200)}`, error, own.aborted ? timeoutMs : null);
  }
}

/** An unfit value is told by its header's name: the message of the runtime repeats it, and it may be a secret. */
function checked(headers: Readonly<Record<string, string>>): Headers {
  const fit = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    try {
      fit.set(name, value);
    } catch {
      throw new StepError("permanent", "HTTP_HEADER", `the value of header ${name} cannot be sent`, {
        hint: "a line break inside it, or a character beyond Latin-1?",
      });
    }
  }
  return fit;
}

async function readBounded({ body }: Response): Promise<string> {
  if (body === null) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early cancels the stream.
  // The body of a response is a stream of bytes; its type does not say so.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > KEPT_BYTES + SPARE_BYTES) break;
  }
  return Buffer.concat(chunks)
    .subarray(0, KEPT_BYTES + SPARE_BYTES)
    .toString("utf8");
}

function jsonOf(text: string): unknown {
  try {
    return integersOnly(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The request was never sent. */
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

function noAnswer(what: string, error: unknown, timeoutMs: number | null): StepError {
  if (timeoutMs !== null) {
    const hint = "it may have arrived all the same: look before it is sent again";
    return new StepError("timeout", "HTTP_NO_ANSWER", `${what}: no answer within ${timeoutMs} ms`, { hint });
  }
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const text = cause instanceof Error ? cause.message || code : String(cause);
  const blame = NEVER_SENT.has(code) ? "transient" : "permanent";
  return new StepError(blame, "HTTP_NO_ANSWER", `${what}: ${printable(text, 200)}`, { cause });
}
