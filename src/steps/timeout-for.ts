import { parseDuration } from "../support/duration.ts";
import type { JsonObject } from "../support/json.ts";

/** What a step takes beyond the wait its input allows: the last look, and saying so. */
const GRACE_MS = 60_000;

/**
 * A step's timeout out of the first of the fields that says how long it may wait; `otherwise` is their default, milliseconds.
 * Null when the length is known only once another step has run.
 */
export function timeoutFor(fields: readonly string[], otherwise: number): (input: JsonObject) => number | null {
  return (input) => {
    const text = fields.map((field) => input[field]).find((value) => value !== undefined);
    if (text === undefined) return otherwise + GRACE_MS;
    const parsed = typeof text === "string" ? parseDuration(text, { zero: true }) : null;
    return parsed?.kind === "value" ? parsed.ms + GRACE_MS : null;
  };
}
