import { z } from "zod";
import { type ConditionScope, evaluateCondition } from "../drills/condition.ts";
import type { PlanStep } from "../drills/plan.ts";
import type { ChartEvent, CheckDetail } from "../drills/run-event.ts";
import { StepError } from "../drills/step-error.ts";
import type { JsonObject } from "../support/json.ts";
import { printable } from "../support/printable.ts";
import type { Redactor } from "../support/redact.ts";
import type { Reconciliation, Step, StepContext, StepResult } from "./step-contract.ts";
import { isAbort, notJournalable, stepFailure } from "./step-failure.ts";

/** One attempt of one step, ready to run. */
export interface Attempt {
  readonly step: PlanStep;
  readonly definition: Step;
  readonly input: z.output<z.ZodObject>;
  readonly context: StepContext;
  /** As it is when the effect has ended; `expect:` may name what other steps gave meanwhile. */
  readonly scope: () => ConditionScope;
  readonly redactor: Redactor;
}

/** Runs the effect. Never rejects: whatever happens is an outcome. */
export async function runAttempt(attempt: Attempt): Promise<ChartEvent> {
  const { definition, input, context } = attempt;
  try {
    return judged(attempt, await definition.run(input, context));
  } catch (error) {
    return thrown(attempt, error);
  }
}

export type Reconciled = { readonly kind: "outcome"; readonly event: ChartEvent } | { readonly kind: "run_again" };

/** Asks the world what a lost attempt did. Never rejects: an error means that nobody can tell. */
export async function reconcileAttempt(attempt: Attempt): Promise<Reconciled> {
  const { step, definition, context } = attempt;
  const at = { step: step.id, attempt: context.attempt };
  const doubt = (message: string): Reconciled => ({
    kind: "outcome",
    event: { type: "step.in_doubt", data: { ...at, message } },
  });
  try {
    const answer = await ask(attempt);
    switch (answer.kind) {
      case "happened":
        return { kind: "outcome", event: judged(attempt, { kind: "done", outputs: answer.outputs }) };
      case "did_not_happen":
        return { kind: "run_again" };
      case "unknown":
        return doubt(attempt.redactor.text(answer.message));
      default:
        return answer satisfies never;
    }
  } catch (error) {
    return doubt(`${definition.uses} could not find out: ${stepFailure(error, attempt.redactor).message}`);
  }
}

async function ask({
  definition,
  input,
  context,
}: Attempt): Promise<Reconciliation<Readonly<Record<string, unknown>>>> {
  if (definition.reconcile !== undefined) return definition.reconcile(input, context);
  return { kind: "unknown", message: `${definition.uses} is not idempotent and has no way to ask what it did.` };
}

function judged(attempt: Attempt, result: StepResult<Readonly<Record<string, unknown>>>): ChartEvent {
  const { step, context, definition } = attempt;
  const at = { step: step.id, attempt: context.attempt };
  const outputs = checkedOutputs(definition, result.outputs);
  requireUntouched(attempt, outputs);
  if (result.kind === "check" && !result.passed)
    return { type: "step.check_failed", data: { ...at, outputs, check: result.check } };
  const check = result.kind === "check" ? result.check : null;
  if (step.expect === null) return { type: "step.succeeded", data: { ...at, outputs, check } };
  const expected = expectation(step, { ...attempt.scope(), outputs });
  if (expected.met) return { type: "step.succeeded", data: { ...at, outputs, check: check ?? expected.check } };
  return { type: "step.check_failed", data: { ...at, outputs, check: expected.check } };
}

/** Throws `OUTPUTS_INVALID`: what a step gives is as much a contract as what it takes. */
function checkedOutputs(definition: Step, outputs: unknown): JsonObject {
  const parsed = definition.outputs.safeParse(outputs);
  if (!parsed.success) throw outputsInvalid(definition, z.prettifyError(parsed.error));
  const place = notJournalable(parsed.data);
  if (place !== null)
    throw outputsInvalid(
      definition,
      `${place === "" ? "the whole" : place} is neither text, integer, boolean nor null`,
    );
  // Decode boundary: just looked through.
  return parsed.data as JsonObject;
}

/**
 * The journal takes secrets out of everything, and later steps read outputs from the journal: a path that happens to hold
 * the text of a password would lead them elsewhere. Throws `OUTPUTS_HOLD_SECRET`. A check's outputs are only read.
 */
function requireUntouched({ definition, redactor }: Attempt, outputs: JsonObject): void {
  if (definition.role === "check" || redactor.json(outputs) === outputs) return;
  throw new StepError(
    "permanent",
    "OUTPUTS_HOLD_SECRET",
    `The outputs of ${definition.uses} hold the text of a secret, which the record must not keep.`,
    { hint: "Choose a secret that is no part of a path, a name or a number that a step gives on." },
  );
}

function outputsInvalid(definition: Step, reason: string): StepError {
  return new StepError(
    "permanent",
    "OUTPUTS_INVALID",
    `The outputs of ${definition.uses} do not fit what it declares: ${reason}`,
    {
      hint: "This is a fault of the step, not of the playbook: report it.",
    },
  );
}

const LONGEST_SHOWN = 200;

function expectation(step: PlanStep, scope: ConditionScope): { readonly met: boolean; readonly check: CheckDetail } {
  const text = step.expect ?? "";
  const answer = evaluateCondition(text, scope);
  if (answer.kind === "error")
    throw new StepError(
      "permanent",
      "CONDITION_INVALID",
      `expect: of ${step.id} cannot be worked out: ${answer.message}`,
    );
  const actual = printable(JSON.stringify(scope.outputs), LONGEST_SHOWN);
  return { met: answer.value, check: { title: step.title, expected: text, actual, coverage: null } };
}

function thrown({ step, context, redactor }: Attempt, error: unknown): ChartEvent {
  const at = { step: step.id, attempt: context.attempt };
  // After a stop an effect fails in many ways (a killed child, a closed socket): they all say that it has stopped. That
  // what is drilled is broken stays a finding.
  const finding = error instanceof StepError && error.class === "subject";
  if (context.signal.aborted && !finding) return { type: "step.stopped", data: at };
  const failure = stepFailure(isAbort(error) ? unexpectedAbort(error) : error, redactor);
  return { type: "step.errored", data: { ...at, error: failure } };
}

/** Nobody told it to stop: something inside gave up, a limit of its own for instance. */
function unexpectedAbort(error: unknown): StepError {
  return new StepError(
    "transient",
    "STEP_ABORTED",
    `Gave up without being told to: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  );
}
