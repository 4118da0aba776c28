import type { DatabaseRef } from "../../drills/database-ref.ts";
import { type Expectation, meets } from "../../drills/expectation.ts";
import { StepError } from "../../drills/step-error.ts";
import { printable } from "../../support/printable.ts";
import type { Sessions } from "../ports/postgres.ts";
import { readSingleValue } from "../postgres/single-value.ts";
import { inReadOnlyTransaction } from "../postgres/transaction.ts";

/** One look at what is waited for. `saw` is for people. */
export type Look =
  | { readonly kind: "met"; readonly value: string | null }
  | { readonly kind: "unmet"; readonly saw: string; readonly value: string | null };

export interface Question {
  readonly on: DatabaseRef;
  readonly query: string;
  readonly expect: Expectation;
  readonly timeoutMs: number;
}

/** No waiting makes these right. */
const HOPELESS = new Set(["SQL_SYNTAX", "SQL_REFUSED", "SQL_MANY_COLUMNS", "SECRET_UNRESOLVED"]);

/** A server that is down, or a table that is not there yet, is an answer: not yet. Rejects for a query that cannot be asked. */
export async function lookAtQuery(sessions: Sessions, question: Question, signal: AbortSignal): Promise<Look> {
  try {
    const value = await ask(sessions, question, signal);
    if (meets(question.expect, value)) return { kind: "met", value };
    return { kind: "unmet", saw: `${printable(value ?? "NULL", 100)}, expected ${question.expect.text}`, value };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof StepError) || HOPELESS.has(error.code)) throw error;
    return { kind: "unmet", saw: error.message, value: null };
  }
}

async function ask(
  sessions: Sessions,
  { on, query, timeoutMs }: Question,
  signal: AbortSignal,
): Promise<string | null> {
  const options = { readOnly: true, statementTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs, signal };
  await using session = await sessions.open(on, options);
  const { text } = await inReadOnlyTransaction(session, () => readSingleValue(session, query));
  return text;
}

/** A service that does not answer is an answer: not yet. */
export async function lookAtUrl(url: string, status: number, signal: AbortSignal): Promise<Look> {
  try {
    const response = await fetch(url, { redirect: "manual", signal });
    await response.body?.cancel();
    const value = String(response.status);
    return response.status === status
      ? { kind: "met", value }
      : { kind: "unmet", saw: `status ${value}, expected ${status}`, value };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "unmet", saw: reasonOf(error), value: null };
  }
}

/** `fetch` says "fetch failed" and keeps why in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return cause.message === "" && "code" in cause ? String(cause.code) : cause.message;
}
