import type { JsonValue } from "../support/json.ts";

/** Records hold integers only: a number with a fraction, or too large to be exact, becomes its text. */
export function integersOnly(value: unknown): JsonValue {
  // What JSON.parse gave is JSON.
  return JSON.parse(JSON.stringify(value), (_key, item: JsonValue) =>
    typeof item === "number" && !Number.isSafeInteger(item) ? String(item) : item,
  ) as JsonValue;
}
