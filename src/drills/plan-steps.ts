import { formatDuration } from "../support/duration.ts";
import type { JsonObject } from "../support/json.ts";
import type { Planning } from "./build-plan.ts";
import { HOLD_ID } from "./check-graph.ts";
import { inputFaults } from "./check-steps.ts";
import { HOLD_GRACE_MS, HOLD_USES } from "./hold-step.ts";
import type { PlanStep, RetryPolicy } from "./plan.ts";
import { guardStep } from "./plan-guards.ts";
import { substituteObject } from "./plan-substitute.ts";
import { faultAt } from "./playbook-check.ts";
import type { RetrySpec, StepSpec } from "./playbook-schema.ts";
import type { WrittenStep } from "./playbook-steps.ts";
import type { StepSignature } from "./step-signature.ts";
import { place } from "./yaml-tree.ts";

/** Steps in drill order, the hold between `verify` and `return`. */
export function planSteps(planning: Planning, holdMs: number): readonly PlanStep[] {
  const { steps } = planning.input.playbook.check;
  const planned = (phases: readonly string[]): readonly PlanStep[] =>
    steps.filter((step) => phases.includes(step.phase)).flatMap((step) => planStep(planning, step));
  return [
    ...planned(["prepare", "disaster", "recover", "verify"]),
    ...holdStep(planning, holdMs),
    ...planned(["return"]),
  ];
}

function planStep(planning: Planning, step: WrittenStep): readonly PlanStep[] {
  const { check, spec: playbook } = planning.input.playbook;
  const signature = step.uses === null ? undefined : planning.input.catalogue.get(step.uses);
  // A loaded playbook has neither; a catalogue that lost a step since then would.
  if (step.spec === null || signature === undefined) return [];
  const input = plannedInput(planning, step, signature);
  guardStep(planning, step, signature, input);
  const { spec } = step;
  const own = signature.timeoutFor?.(input) ?? undefined;
  const timeoutMs = spec.timeout ?? own ?? playbook.defaults.timeout ?? signature.defaultTimeoutMs ?? 0;
  return [
    {
      ...common(signature, step.id, spec.title),
      phase: step.phase,
      required: spec.required,
      with: input,
      needs: [...new Set(spec.needs)],
      after: check.graph.after(step)?.id ?? null,
      when: spec.when ?? null,
      expect: spec.expect ?? null,
      timeoutMs,
      retry: retryPolicy(spec, playbook.defaults.retry),
      line: lineOf(planning, step.path),
    },
  ];
}

function common(signature: StepSignature, id: string, title: string | undefined) {
  const { uses, role, effect, idempotent, creates, summary } = signature;
  return { id, title: title ?? summary, uses, role, effect, idempotent, creates: [...creates] };
}

function lineOf({ input }: Planning, path: readonly (string | number)[]): number {
  const { draft } = input.playbook.check;
  return draft.source.position(place(draft.root, path).valueOffset).line;
}

/** The input with what is known put in, checked once more: a parameter may have brought a wrong type. */
function plannedInput(planning: Planning, step: WrittenStep, signature: StepSignature): JsonObject {
  const { check } = planning.input.playbook;
  const base = [...step.path, "with"];
  const before = planning.faults.length;
  // A system that was asked for and is not there has its own fault; what names it is left alone.
  const scope = {
    params: planning.params,
    system: planning.system ?? (planning.input.systemName === null ? null : undefined),
  };
  const input = substituteObject(step.input, scope, (path, problem) =>
    planning.faults.push(...faultAt(check.draft, [...base, ...path], problem)),
  );
  if (planning.faults.length === before) planning.faults.push(...inputFaults(check, step, signature, input));
  return input;
}

const DEFAULT_DELAY_MS = 5000;

function retryPolicy(spec: StepSpec, defaults: RetrySpec | undefined): RetryPolicy {
  const retry = spec.retry ?? defaults;
  return {
    attempts: retry?.attempts ?? 1,
    delayMs: retry?.delay ?? DEFAULT_DELAY_MS,
    on: [...new Set(retry?.on ?? ["transient" as const])],
  };
}

function holdStep(planning: Planning, holdMs: number): readonly PlanStep[] {
  const signature = planning.input.catalogue.get(HOLD_USES);
  if (holdMs === 0 || signature === undefined) return [];
  return [
    {
      ...common(signature, HOLD_ID, `Stay healthy for ${formatDuration(holdMs)}`),
      phase: "hold",
      required: true,
      with: { for: formatDuration(holdMs) },
      needs: [],
      after: null,
      when: null,
      expect: null,
      timeoutMs: holdMs + HOLD_GRACE_MS,
      retry: { attempts: 1, delayMs: DEFAULT_DELAY_MS, on: ["transient"] },
      line: lineOf(planning, ["objectives", "hold"]),
    },
  ];
}
