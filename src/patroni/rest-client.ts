import { printable } from "../support/printable.ts";
import type { PatroniLimits } from "../steps/ports/patroni.ts";

export interface RestRequest extends PatroniLimits {
  readonly base: string;
  readonly path: string;
  /** JSON, by POST; absent: GET. */
  readonly body?: Readonly<Record<string, unknown>>;
  readonly login?: { readonly user: string; readonly password: string } | null;
}

export type RestAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly text: string }
  | { readonly kind: "no_answer"; readonly sent: boolean; readonly reason: string };

/** A cluster of a hundred members is a few dozen kilobytes. */
const MAX_BYTES = 1 << 20;
/** Nobody took the connection, so nobody has read the request. */
const NOT_SENT: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** One request within its deadline. Redirects are not followed: the login is for this address only. Rejects only when `signal` is aborted. */
export async function request({ base, path, body, login = null, timeoutMs, signal }: RestRequest): Promise<RestAnswer> {
  const deadline = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(new URL(path, base.endsWith("/") ? base : `${base}/`), {
      method: body === undefined ? "GET" : "POST",
      headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...basic(login) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "manual",
      signal: AbortSignal.any([signal, deadline]),
    });
    return { kind: "answer", status: response.status, text: await readText(response) };
  } catch (error) {
    signal.throwIfAborted();
    if (deadline.aborted) return { kind: "no_answer", sent: true, reason: `no answer within ${timeoutMs} ms` };
    return { kind: "no_answer", ...brokenBy(error) };
  }
}

function basic(login: RestRequest["login"]): Readonly<Record<string, string>> {
  if (login === null || login === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${login.user}:${login.password}`).toString("base64")}` };
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  // The body is typed without its chunks.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_BYTES) throw new Error(`an answer of more than ${MAX_BYTES} bytes`);
  }
  return text + decoder.decode();
}

/** `fetch failed` says nothing: the cause does. */
function brokenBy(error: unknown): { readonly sent: boolean; readonly reason: string } {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const words = cause instanceof Error && cause.message !== "" ? cause.message : String(code ?? cause);
  return { sent: !NOT_SENT.has(code), reason: printable(words, 200) };
}
