import type { StepFailure } from "../drills/run-event.ts";
import { StepError } from "../drills/step-error.ts";
import { FiredrillError } from "../support/errors.ts";
import type { JsonObject } from "../support/json.ts";
import type { Redactor } from "../support/redact.ts";

const LONGEST_MESSAGE = 4000;

/** What was thrown, as the record keeps it. Only `StepError` may say who is to blame; all else is permanent and ours. */
export function stepFailure(error: unknown, redactor: Redactor): StepFailure {
  const text = (value: string): string => redactor.text(value.toWellFormed()).slice(0, LONGEST_MESSAGE).toWellFormed();
  if (!(error instanceof FiredrillError)) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return { class: "permanent", code: "STEP_FAILED", message: text(message), hint: null, details: {} };
  }
  return {
    class: error instanceof StepError ? error.class : "permanent",
    code: error.code,
    message: text(error.message),
    hint: error.hint === undefined ? null : text(error.hint),
    details: journalDetails(error.details),
  };
}

/** Whether an error is the effect's way to end after its signal was aborted. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || ("code" in error && error.code === "ABORT_ERR"));
}

/** Details are for people: what the journal cannot hold (floats, big integers, errors) becomes text. */
function journalDetails(details: Readonly<Record<string, unknown>>): JsonObject {
  try {
    return JSON.parse(JSON.stringify(details, journalValue)) as JsonObject;
  } catch {
    return {};
  }
}

function journalValue(_key: string, value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isSafeInteger(value)) return String(value);
  return value instanceof Error ? value.message : value;
}

/** Path of the first value that the journal does not take (`.rate`: a float), or null. */
export function notJournalable(value: unknown, path = ""): string | null {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? null : path;
    case "number":
      return Number.isSafeInteger(value) ? null : path;
    case "boolean":
    case "undefined":
      return null;
    case "object":
      return value === null ? null : firstIn(value, path);
    default:
      return path;
  }
}

function firstIn(value: object, path: string): string | null {
  const plain: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && plain !== Object.prototype && plain !== null) return path;
  for (const [key, item] of Object.entries(value)) {
    const found = notJournalable(item, `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}
