import { z } from "zod";
import { PHASES } from "../phases.ts";
import { durationSchema, microseconds } from "./clock-schema.ts";

export const STEP_OUTCOMES = [
  "succeeded",
  "check_failed",
  "errored",
  "timed_out",
  "in_doubt",
  "stopped",
  "skipped",
  "not_run",
  "running",
] as const;

const failure = z.object({
  class: z.enum(["subject", "transient", "permanent", "timeout"]),
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
});

export const stepSchema = z.object({
  id: z.string(),
  title: z.string(),
  phase: z.enum(PHASES),
  uses: z.string(),
  role: z.enum(["action", "check"]),
  effect: z.enum(["read", "sandbox", "disruptive"]),
  required: z.boolean(),
  outcome: z.enum(STEP_OUTCOMES),
  attempts: z.number().int(),
  startedAtUs: microseconds.nullable().describe("On the run's time line; null when it never started."),
  endedAtUs: microseconds.nullable(),
  startedWallUs: microseconds.nullable(),
  endedWallUs: microseconds.nullable(),
  duration: durationSchema.describe("First start to last end: waits between attempts are in it."),
  criticalUs: microseconds.describe("Its part of the critical path inside the window that the RTO compares."),
  criticalSharePermille: z.number().int(),
  failure: failure.nullable(),
  skipped: z.object({ reason: z.string(), message: z.string() }).nullable(),
});
export type StepResultRow = Readonly<z.infer<typeof stepSchema>>;

export const checkSchema = z.object({
  step: z.string(),
  title: z.string(),
  phase: z.enum(PHASES),
  required: z.boolean(),
  status: z.enum(["passed", "failed", "error", "not_run"]),
  expected: z.string().nullable(),
  actual: z.string().nullable(),
  coverage: z.object({ checked: z.number().int(), total: z.number().int(), unit: z.string() }).nullable(),
  reason: z.string().nullable().describe("Why it is an error or was not run."),
  waived: z.boolean().describe("True when a condition of the playbook left it out; a deviation, not a gap."),
});
export type CheckRow = Readonly<z.infer<typeof checkSchema>>;

const shrinkStep = z.object({ step: z.string(), byUs: microseconds, ofUs: microseconds });

export const criticalPathSchema = z.object({
  window: z.enum(["T0-T6", "T3-T6"]),
  windowUs: microseconds.nullable().describe("Null when the window did not close: nothing is shared out."),
  contributions: z
    .array(z.object({ step: z.string(), criticalUs: microseconds, sharePermille: z.number().int() }))
    .describe("Largest first."),
  betweenStepsUs: microseconds.describe("Part of the window in which no step of the path ran."),
  shrink: z
    .object({
      overrunUs: microseconds.describe("What must go for the pessimistic end to meet the target."),
      alone: z.array(shrinkStep).describe("Steps each of which could give it all, the largest first."),
      together: z.array(shrinkStep).describe("When none can alone: the fewest of the largest that can."),
      enough: z.boolean(),
    })
    .nullable()
    .describe("Only for an RTO that was measured and missed."),
});
export type CriticalPath = Readonly<z.infer<typeof criticalPathSchema>>;

export const cleanupSchema = z.object({
  status: z.enum(["verified", "incomplete", "not_finished", "nothing_created"]),
  resources: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      title: z.string(),
      step: z.string(),
      state: z.enum(["destroyed", "leftover", "unverified"]),
      verifiedBy: z.string().nullable(),
      reason: z.string().nullable(),
      destroyedWallUs: microseconds.nullable(),
    }),
  ),
  problem: z.string().nullable(),
});
export type Cleanup = Readonly<z.infer<typeof cleanupSchema>>;
