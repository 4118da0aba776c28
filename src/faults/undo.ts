import type { JsonObject } from "../support/json.ts";

/** The other half of a fault of the machine, for its keeper. Both calls are idempotent. */
export interface Undo {
  undo(locator: JsonObject, signal: AbortSignal): Promise<void>;
  verifyGone(locator: JsonObject, signal: AbortSignal): Promise<{ readonly gone: boolean; readonly how: string }>;
}
