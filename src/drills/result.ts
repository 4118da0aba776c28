import { z } from "zod";
import type { JsonObject } from "../support/json.ts";
import { clockSchema, durationSchema, markSchema, microseconds } from "./measurement/clock-schema.ts";
import { observedSchema } from "./measurement/observed-schema.ts";
import { checkSchema, cleanupSchema, criticalPathSchema, stepSchema } from "./measurement/steps-schema.ts";
import { lossSchema } from "./measurement/loss-schema.ts";
import { segmentSchema } from "./measurement/segments.ts";
import {
  deviationSchema,
  reasonSchema,
  type ResultName,
  resultNameSchema,
  rpoSchema,
  rtoSchema,
  ruleNameSchema,
} from "./measurement/verdict-schema.ts";

/**
 * What a run came to: computed by `measure(plan, records)` from the journal and nothing else, kept as
 * `runs/<id>/result.json`. Plain JSON, integers; times in microseconds. The rules stand in docs/measurement.md.
 */
export const runResultSchema = z
  .object({
    schemaVersion: z.literal("firedrill/result/v1"),
    run: z.object({
      id: z.string(),
      planSha256: z.string(),
      playbook: z.string(),
      title: z.string(),
      owner: z.string().nullable(),
      controls: z.array(z.string()),
      system: z.object({ name: z.string(), environment: z.string(), owner: z.string().nullable() }).nullable(),
      mode: z.enum(["real", "simulated"]),
      tool: z.string(),
      host: z.string(),
      user: z.string(),
      trigger: z.string(),
      seed: z.string(),
      installation: z.string(),
      startedWallUs: microseconds,
      finishedWallUs: microseconds.nullable().describe("End of cleanup; null while the run is unfinished."),
      records: z.number().int().describe("Journal records measured, without those about the result itself."),
      epochs: z.number().int().describe("1, and one more for every take-over."),
    }),
    result: resultNameSchema,
    exitCode: z.union([z.literal(0), z.literal(1), z.literal(3), z.literal(4), z.literal(5)]),
    rule: ruleNameSchema.describe("The rule that produced the result: the first of the reasons."),
    reasons: z.array(reasonSchema).describe("All of them, in order of precedence."),
    evidence: z
      .object({ counts: z.boolean(), reason: z.string() })
      .describe("Whether this run may be shown as evidence; a simulated or unfinished one may not."),
    objectives: z.object({ rto: rtoSchema, rpo: rpoSchema }),
    marks: z.array(markSchema).describe("T0 to T7, in order, all eight."),
    durations: z.object({
      rtaTotal: durationSchema.describe("T6 - T0; only once T7 is reached."),
      rtaTechnical: durationSchema.describe("T6 - T3; only once T7 is reached."),
      humanWait: durationSchema.describe("Time between T0 and T6 spent waiting for people, never subtracted."),
      outageClient: durationSchema.describe("Last good answer before T0 to first good write after, seen by a client."),
      detection: durationSchema.describe("T1 - T0."),
      decision: durationSchema.describe("T2 - T0."),
      start: durationSchema.describe("T3 - T2."),
      firstRead: durationSchema.describe("T4 - T3."),
      firstWrite: durationSchema.describe("T5 - T3."),
      verification: durationSchema.describe("T6 - the later of T4 and T5."),
      hold: durationSchema.describe("T7 - T6."),
      fencing: durationSchema.describe("T3 to the proof that the old primary takes no more writes."),
      promotion: durationSchema.describe("Promotion asked for to promoted."),
      failback: durationSchema.describe("Begin of the return phase to the end of its last step."),
      unprotected: durationSchema.describe("T0 to the first standby that streams from the new primary."),
      run: durationSchema.describe("First record to end of cleanup."),
    }),
    segments: z
      .array(segmentSchema)
      .describe("What the time from T0 to the first write is made of, without a gap; empty without a failover."),
    loss: lossSchema,
    checks: z.array(checkSchema),
    steps: z.array(stepSchema),
    criticalPath: criticalPathSchema,
    deviations: z.array(deviationSchema),
    cleanup: cleanupSchema,
    clock: clockSchema,
    observed: observedSchema,
  })
  .describe("The measured result of one drill.");

type DeepReadonly<T> = T extends readonly (infer I)[]
  ? readonly DeepReadonly<I>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

export type RunResult = DeepReadonly<z.infer<typeof runResultSchema>>;
export type { ResultName };

export const EXIT_CODES = {
  passed: 0,
  passed_with_deviations: 0,
  failed: 1,
  inconclusive: 3,
  aborted: 4,
  error: 5,
} as const satisfies Readonly<Record<ResultName, number>>;

/**
 * The process's exit code. `warn` (`--objectives=warn`) forgives a recovery that was too slow or lost too much, and
 * nothing else: a failed check or a recovery that never ended still exits 1, a required check without an answer 3. The
 * result itself does not change.
 */
export function exitCodeOf(result: RunResult, objectives: "enforce" | "warn"): number {
  if (objectives === "enforce" || result.result !== "failed") return result.exitCode;
  // In order of precedence: the first is what the result would be without the misses.
  const next = result.reasons.find((reason) => reason.rule !== "OBJECTIVE_MISSED");
  return next === undefined ? 0 : EXIT_CODES[next.result];
}

/** JSON Schema of `result.json` (draft 2020-12), for `schema/result.schema.json`. */
export function resultJsonSchema(): JsonObject {
  const schema = z.toJSONSchema(runResultSchema, { target: "draft-2020-12" });
  // A JSON Schema is JSON by definition; the library's type also holds functions it does not put there.
  return { title: "RunResult", ...(structuredClone(schema) as JsonObject) };
}
