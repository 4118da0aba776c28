import type { z } from "zod";
import { StepError } from "../drills/step-error.ts";
import type { JsonObject } from "../support/json.ts";

export function unavailable(message: string, hint: string): StepError {
  return new StepError("permanent", "FAULT_UNAVAILABLE", message, { hint });
}

export function refused(message: string, hint: string): StepError {
  return new StepError("permanent", "FAULT_REFUSED", message, { hint });
}

export function incomplete(message: string, hint: string): StepError {
  return new StepError("permanent", "FAULT_INCOMPLETE", message, { hint });
}

/** A locator comes from a file: it may name nothing but what we make. */
export function readLocator<S extends z.ZodType>(schema: S, locator: JsonObject): z.output<S> {
  const read = schema.safeParse(locator);
  if (read.success) return read.data;
  throw noFault(locator);
}

export function noFault(locator: JsonObject): StepError {
  return new StepError("permanent", "FAULT_LOCATOR", `the ledger names no fault of ours: ${JSON.stringify(locator)}`, {
    hint: "nothing was changed; docs/faults.md says how each fault is undone by hand",
  });
}
