import { z } from "zod";
import { type ConditionScope, evaluateCondition } from "../drills/condition.ts";
import type { PlanStep } from "../drills/plan.ts";
import { StepError } from "../drills/step-error.ts";
import { resolveTemplates } from "../drills/template.ts";
import type { Step } from "./step-contract.ts";

/** Whether a step's turn is taken: its condition, worked out before anything else. */
export type Turn =
  | { readonly kind: "take" }
  | { readonly kind: "pass" }
  | { readonly kind: "fault"; readonly error: StepError };

export function evaluateWhen(step: PlanStep, scope: ConditionScope): Turn {
  if (step.when === null) return { kind: "take" };
  const answer = evaluateCondition(step.when, scope);
  switch (answer.kind) {
    case "value":
      return { kind: answer.value ? "take" : "pass" };
    case "error":
      return {
        kind: "fault",
        error: new StepError(
          "permanent",
          "CONDITION_INVALID",
          `when: of ${step.id} cannot be worked out: ${answer.message}`,
        ),
      };
    default:
      return answer satisfies never;
  }
}

export type PreparedInput =
  | { readonly kind: "input"; readonly input: z.output<z.ZodObject> }
  | { readonly kind: "fault"; readonly error: unknown };

/** The step's `with`, templates put in and checked against its schema: outputs of other steps are known only now. */
export function prepareInput(step: PlanStep, definition: Step, scope: ConditionScope): PreparedInput {
  try {
    const parsed = definition.with.safeParse(resolveTemplates(step.with, scope));
    if (parsed.success) return { kind: "input", input: parsed.data };
    return { kind: "fault", error: withInvalid(step, parsed.error) };
  } catch (error) {
    return { kind: "fault", error };
  }
}

function withInvalid(step: PlanStep, error: z.ZodError): StepError {
  return new StepError(
    "permanent",
    "WITH_INVALID",
    `with: of ${step.id} (${step.uses}) does not fit: ${z.prettifyError(error)}`,
    {
      hint: "A value from another step has another form than this one takes: compare both with `firedrill steps <uses>`.",
    },
  );
}
