import { z } from "zod";
import { durationMs } from "../support/duration.ts";
import { identifierSchema, lineSchema, nameSchema, stepIdSchema } from "./names.ts";
import { stopConditionSchema } from "./playbook-stop-when.ts";

/**
 * The shape of a playbook. The JSON Schema for editors and the messages for people come from it; what needs more than
 * one field at a time (graphs, templates, step inputs) is checked by the `check-*.ts` files.
 */
export const API_VERSION = "firedrill/v1";

const metadata = z
  .strictObject({
    name: nameSchema().describe("Identity of the drill over time: trends and reports go by it."),
    title: lineSchema().optional().describe("For people; the name when absent."),
    owner: lineSchema().optional().describe("Team or person who answers for it."),
    controls: z.array(lineSchema()).max(100).default([]).describe("Controls it is evidence for, as in soc2:A1.3."),
  })
  .describe("Who and what.");

const objectives = z
  .strictObject({
    rto: durationMs().optional().describe("Longest time to recover. Overrides the inventory's."),
    rpo: durationMs({ zero: true }).optional().describe("Largest loss of data; 0s: none. Overrides the inventory's."),
    hold: durationMs().optional().describe("How long the recovered service must stay healthy (T7)."),
    clock: z
      .enum(["total", "technical"])
      .default("total")
      .describe("What the RTO is compared with: T6-T0, or T6-T3 without the time spent waiting."),
  })
  .describe("Targets. What is not set is measured and not judged.");

const guardrails = z
  .strictObject({
    allowProduction: z
      .boolean()
      .default(false)
      .describe("First of three consents that a disruptive step on production needs."),
    stopWhen: z
      .array(stopConditionSchema)
      .max(50)
      .default([])
      .describe("What must hold: asked before the first disruption, and watched from then on."),
  })
  .describe("Consents, and what stops the drill.");

export const PARAM_TYPES = ["string", "integer", "boolean", "duration", "enum"] as const;

const parameter = z
  .strictObject({
    type: z.enum(PARAM_TYPES),
    description: lineSchema(500).optional(),
    default: z
      .union([z.string().max(10_000), z.int(), z.boolean()])
      .optional()
      .describe("Used when none is given."),
    required: z
      .boolean()
      .optional()
      .describe("True by itself when there is no default. False: null when none is given."),
    values: z.array(z.string().min(1).max(200)).min(1).max(100).optional().describe("Of an enum."),
  })
  .describe("A parameter: --param name=value.");

const retry = z
  .strictObject({
    attempts: z.int().min(1).max(10).default(1).describe("Including the first."),
    delay: durationMs().optional().describe("Before the second; grows from there. Default 5s."),
    on: z
      .array(z.enum(["transient", "timeout"]))
      .min(1)
      .max(2)
      .optional()
      .describe("Classes of error that are tried again. Default transient."),
  })
  .describe("Trying again.");

export const stepSchema = z
  .strictObject({
    id: stepIdSchema().optional().describe("Unique; made from uses when absent: verify-sql, verify-sql-2."),
    title: lineSchema().optional(),
    uses: z.string().min(1).max(100).describe("Step of the library, family/name: firedrill steps lists them."),
    with: z.record(z.string(), z.unknown()).optional().describe("Input of the step; ${{ path }} puts values in."),
    needs: z
      .array(z.string().min(1).max(63))
      .max(100)
      .optional()
      .describe("Steps of this phase that must have succeeded; replaces waiting for the step before."),
    when: z.string().min(1).max(2000).optional().describe("CEL over params, system, steps, run; false: skipped."),
    expect: z.string().min(1).max(2000).optional().describe("CEL over outputs and the same; false: a failed check."),
    timeout: durationMs().optional().describe("Deadline of one attempt."),
    retry: retry.optional(),
    required: z.boolean().default(true).describe("False: failing is a deviation, not a failure."),
  })
  .meta({ id: "Step" })
  .describe("A step.");
export type StepSpec = z.output<typeof stepSchema>;

const steps = z.array(stepSchema);

export const playbookSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal("Playbook"),
    metadata,
    objectives: objectives.prefault({}),
    guardrails: guardrails.prefault({}),
    params: z.record(identifierSchema(), parameter).default({}).describe("Declared parameters."),
    defaults: z
      .strictObject({ timeout: durationMs().optional(), retry: retry.optional() })
      .prefault({})
      .describe("For steps that do not say."),
    timeouts: z
      .strictObject({
        prepare: durationMs().optional(),
        disaster: durationMs().optional(),
        recover: durationMs().optional(),
        verify: durationMs().optional(),
        return: durationMs().optional(),
      })
      .prefault({})
      .describe("Deadline of a phase; what its steps may take together when absent."),
    phases: z
      .strictObject({
        prepare: steps.optional().describe("Before the clock: healthy first, find the backup."),
        disaster: steps.describe("Sets T0: inject a fault, or declare."),
        recover: steps.describe("Brings the service back."),
        verify: steps.describe("Asks whether it is back. All steps run, also after one failed."),
        return: steps.optional().describe("Fail back, protect again."),
      })
      .describe("Steps, phase by phase. A phase begins when the one before has ended."),
  })
  .describe("A disaster-recovery drill.");
export type PlaybookSpec = z.output<typeof playbookSchema>;
export type ParamSpec = PlaybookSpec["params"][string];
export type RetrySpec = z.output<typeof retry>;
