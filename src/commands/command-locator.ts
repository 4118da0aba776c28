import { z } from "zod";
import { StepError } from "../drills/step-error.ts";
import type { JsonObject } from "../support/json.ts";

/** All that cleanup needs: references to secrets, never secrets. */
const locatorSchema = z.object({
  token: z.string().regex(/^[0-9a-f]{32}$/u),
  began: z.boolean(),
  undo: z.array(z.string()).min(1).nullable(),
  undoTimeoutMs: z.int().positive(),
  /** Says that the undo has ended well; in the run's folder. */
  undoRecord: z.string().startsWith("/"),
  cwd: z.string().startsWith("/"),
  env: z.record(z.string(), z.union([z.string(), z.object({ secret: z.string() })])),
});
export type CommandLocator = z.output<typeof locatorSchema>;

export function readLocator(locator: JsonObject): CommandLocator {
  const read = locatorSchema.safeParse(locator);
  if (read.success) return read.data;
  throw new StepError("permanent", "COMMAND_LOCATOR", `the ledger names no command: ${z.prettifyError(read.error)}`, {
    hint: "nothing was ended or undone: look at the journal of the run",
  });
}
