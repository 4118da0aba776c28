import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { StepContext } from "../../engine/step-contract.ts";
import type { JsonObject } from "../../support/json.ts";

const instantSchema = z.object({ wallUs: z.number().int(), monoUs: z.number().int() });

/**
 * What a fault step leaves in the run's folder around its act, so that after a crash the time of the fault is known within the
 * act and not only since somebody looked.
 */
const noteSchema = z.object({
  schemaVersion: z.literal(1),
  bootId: z.string(),
  node: z.string(),
  locator: z.record(z.string(), z.json()),
  /** Of the processes that were to be hit. */
  pids: z.array(z.number().int()),
  before: instantSchema,
  /** Null: the act had not ended. */
  injected: z.object({ begun: instantSchema, done: instantSchema, detail: z.string() }).nullable(),
});
export type FaultNote = z.output<typeof noteSchema>;

const pathOf = ({ runDir, stepId, attempt }: StepContext): string => join(runDir, `fault-${stepId}-${attempt}.json`);

/** As a whole or not at all: without a note the fault would be put in once more. Without waiting for the disk: it must outlive this process, and a machine that goes down takes the fault along. */
export function writeNote(
  ctx: StepContext,
  note: Omit<FaultNote, "schemaVersion" | "bootId" | "locator"> & { locator: JsonObject },
): void {
  const whole = { schemaVersion: 1, bootId: ctx.clock.bootId, ...note };
  const path = pathOf(ctx);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(whole, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Null when the act was not begun, or its note cannot be read. */
export function readNote(ctx: StepContext): FaultNote | null {
  try {
    return noteSchema.parse(JSON.parse(readFileSync(pathOf(ctx), "utf8")));
  } catch {
    return null;
  }
}
