import type { PlanStep } from "../drills/plan.ts";
import type { ChartEvent, SkipReason } from "../drills/run-event.ts";
import type { Action } from "../machines/run-chart.ts";
import type { Attempt } from "./run-attempt.ts";
import { evaluateWhen, prepareInput } from "./prepare-step.ts";
import { retryDelayMs } from "./retry-delay.ts";
import { type RunSession, stepOf } from "./run-session.ts";
import { stepFailure } from "./step-failure.ts";
import { stepScope } from "./step-scope.ts";

/** How an action is answered: by a record at once, or by something to do when all records so far are durable. */
export type Answer =
  | { readonly kind: "record"; readonly event: ChartEvent; readonly input?: Attempt["input"] }
  | { readonly kind: "do"; readonly order: Order }
  /** Overtaken by an event of the same turn. */
  | { readonly kind: "nothing" };

export type Order = Extract<
  Action,
  { readonly type: "checkGuard" | "stopStep" | "armStoppingDeadline" | "beginCleanup" | "finish" }
>;

const NOTHING: Answer = { kind: "nothing" };

/** Works out conditions, inputs and deadlines; touches nothing outside. */
export function decide(action: Action, session: RunSession): Answer {
  switch (action.type) {
    case "beginPhase":
      if (session.state.phase !== action.phase) return NOTHING;
      return record({
        type: "phase.begun",
        data: { phase: action.phase, deadlineMonoUs: phaseDeadline(action.phase, session) },
      });
    case "checkGuard":
      return stepIs(session, action, "guarded") ? decideGuard(action, session) : NOTHING;
    case "startStep":
      return stepIs(session, action, "ready") ? decideStart(action, session) : NOTHING;
    case "skipStep":
      if (session.state.steps.get(action.step)?.state !== "skipping") return NOTHING;
      return record({
        type: "step.skipped",
        data: { step: action.step, reason: action.reason, message: SKIP_MESSAGES[action.reason] },
      });
    case "scheduleRetry":
      return stepIs(session, action, "backoff") ? record(retryScheduled(action, session)) : NOTHING;
    case "beginCleanup":
      // Begun by a process that died: it goes on, with time of its own.
      if (session.memory.cleanupBegun) return { kind: "do", order: action };
      return record({
        type: "cleanup.begun",
        data: { deadlineMonoUs: session.deps.clock.monoUs() + session.limits.cleanupMs * 1000 },
      });
    case "stopStep":
    case "armStoppingDeadline":
    case "finish":
      return { kind: "do", order: action };
    default:
      return action satisfies never;
  }
}

type StepAction = { readonly step: string; readonly attempt: number };

function decideGuard(action: Extract<Action, { readonly type: "checkGuard" }>, session: RunSession): Answer {
  const { step } = stepOf(session, action.step);
  return passedOver(step, action, session) ?? { kind: "do", order: action };
}

function decideStart(action: StepAction, session: RunSession): Answer {
  const { step, definition } = stepOf(session, action.step);
  const passed = passedOver(step, action, session);
  if (passed !== null) return passed;
  const prepared = prepareInput(step, definition, stepScope(session.plan, session.memory));
  if (prepared.kind === "fault") return fault(action, prepared.error, session);
  const key = `${session.runId}/${step.id}/${action.attempt}`;
  const deadlineMonoUs = session.deps.clock.monoUs() + step.timeoutMs * 1000;
  return {
    kind: "record",
    event: { type: "step.started", data: { step: step.id, attempt: action.attempt, key, deadlineMonoUs } },
    input: prepared.input,
  };
}

/** A condition is worked out once, before the first attempt; null: the step's turn is taken. */
function passedOver(step: PlanStep, action: StepAction, session: RunSession): Answer | null {
  if (action.attempt > 1) return null;
  const turn = evaluateWhen(step, stepScope(session.plan, session.memory));
  switch (turn.kind) {
    case "take":
      return null;
    case "pass":
      return record({
        type: "step.skipped",
        data: { step: step.id, reason: "condition", message: `when: ${step.when} is false` },
      });
    case "fault":
      return stepIs(session, action, "ready")
        ? fault(action, turn.error, session)
        : refusedForFault(action, turn.error.message);
    default:
      return turn satisfies never;
  }
}

/** A guarded step whose condition cannot be worked out has not come as far as to fail: it is refused. */
function refusedForFault(action: StepAction, message: string): Answer {
  return record({ type: "step.guard_refused", data: { step: action.step, attempt: action.attempt, message } });
}

function fault(action: StepAction, error: unknown, session: RunSession): Answer {
  const data = { step: action.step, attempt: action.attempt, error: stepFailure(error, session.deps.redactor) };
  return record({ type: "step.errored", data });
}

const SKIP_MESSAGES: Readonly<Record<SkipReason, string>> = {
  condition: "its condition is false",
  needs_not_met: "a step it needs did not succeed",
  phase_stopped: "a required step of its phase did not succeed",
  halted: "the run stops",
};

function retryScheduled({ step: id, attempt }: StepAction, session: RunSession): ChartEvent {
  const { step } = stepOf(session, id);
  const delayMs = retryDelayMs(step.retry, session.memory.started?.seed ?? "", id, attempt);
  return {
    type: "step.retry_scheduled",
    data: { step: id, attempt, dueMonoUs: session.deps.clock.monoUs() + delayMs * 1000 },
  };
}

function phaseDeadline(name: string, { plan, deps }: RunSession): number {
  const timeoutMs = plan.phases.find((phase) => phase.name === name)?.timeoutMs ?? 0;
  return deps.clock.monoUs() + timeoutMs * 1000;
}

function stepIs({ state }: RunSession, { step: id, attempt }: StepAction, wanted: string): boolean {
  const step = state.steps.get(id);
  return step?.state === wanted && step.attempt === attempt;
}

function record(event: ChartEvent): Answer {
  return { kind: "record", event };
}
