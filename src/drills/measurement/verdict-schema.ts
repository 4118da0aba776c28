import { z } from "zod";
import { ageSchema, durationSchema, microseconds } from "./clock-schema.ts";

export const RESULTS = ["error", "aborted", "failed", "inconclusive", "passed_with_deviations", "passed"] as const;
export const resultNameSchema = z.enum(RESULTS);
export type ResultName = z.infer<typeof resultNameSchema>;

/**
 * Every rule that can speak about a run and the result it gives, in order of precedence: the first that applies names the
 * result. Results go from `error` to `passed`; within one the cause stands before what follows from it. The table with the
 * sentences stands in docs/measurement.md.
 */
export const RULES = {
  CLEANUP_INCOMPLETE: "error",
  STEP_IN_DOUBT: "error",
  STEP_BROKE: "error",
  HALTED: "aborted",
  DEADLINE: "aborted",
  SUBJECT_FAILED: "failed",
  CHECK_FAILED: "failed",
  DATA_INTEGRITY: "failed",
  NOT_RECOVERED: "failed",
  OBJECTIVE_MISSED: "failed",
  DEADLINE_MISSED: "failed",
  UNFINISHED: "inconclusive",
  CHECK_NOT_MEASURED: "inconclusive",
  NO_REQUIRED_CHECK: "inconclusive",
  STEP_NOT_RUN: "inconclusive",
  OBJECTIVE_NOT_MEASURED: "inconclusive",
  DEVIATIONS: "passed_with_deviations",
  ALL_MET: "passed",
} as const satisfies Readonly<Record<string, ResultName>>;
export type RuleName = keyof typeof RULES;
// Keys of the table above: the library types them as plain strings.
export const RULE_NAMES = Object.keys(RULES) as readonly RuleName[];
export const ruleNameSchema = z.enum(RULE_NAMES);

export const reasonSchema = z.object({
  rule: ruleNameSchema,
  result: resultNameSchema.describe("The result this reason alone would give."),
  message: z.string(),
  steps: z.array(z.string()).describe("Ids of the steps it is about."),
});
export type Reason = z.infer<typeof reasonSchema>;

const objective = {
  verdict: z.enum(["met", "missed", "not_measured", "not_set"]),
  targetUs: microseconds.nullable(),
  setBy: z.enum(["playbook", "inventory"]).nullable(),
  marginUs: microseconds.nullable().describe("Target minus the pessimistic end; negative when missed."),
  reason: z.string().describe("Why this verdict, in one sentence."),
};

export const rtoSchema = z.object({
  ...objective,
  clock: z.enum(["total", "technical"]).describe("Compares T6-T0 or T6-T3."),
  value: durationSchema,
  recovered: z.boolean().describe("True when T6 and T7 were reached."),
  elapsed: durationSchema.describe("How long it had taken when recovery ended or was given up."),
});
export type RtoVerdict = Readonly<z.infer<typeof rtoSchema>>;

export const rpoSchema = z.object({
  ...objective,
  value: ageSchema,
  compared: z.enum(["lost_acknowledged", "newest_survivor_age", "recovery_point_age"]).nullable(),
  basis: z.enum(["measured", "estimate"]).nullable(),
});
export type RpoVerdict = Readonly<z.infer<typeof rpoSchema>>;

export const deviationSchema = z.object({
  code: z.string(),
  step: z.string().nullable(),
  message: z.string(),
});
export type Deviation = Readonly<z.infer<typeof deviationSchema>>;
