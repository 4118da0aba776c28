import type { ChartEvent } from "../drills/run-event.ts";
import { outstanding } from "../machines/outstanding.ts";
import type { AttemptOrder } from "./attempts.ts";
import { type Deadline, phaseDeadline, rebased, retryDeadline } from "./deadlines.ts";
import type { Halt } from "./drive-run.ts";
import { prepareInput } from "./prepare-step.ts";
import type { LoopStart } from "./run-loop.ts";
import type { StartedAttempt } from "./run-memory.ts";
import { type RunSession, stepOf } from "./run-session.ts";
import { stepFailure } from "./step-failure.ts";
import { stepScope } from "./step-scope.ts";

/** Nothing is tried again; what was at work has died with its process. */
export function haltedWork({ by, reason, who }: Halt, session: RunSession): LoopStart {
  const asked = outstanding(session.state);
  // A run that was on its way out already goes on with that. Of another only the stops: who was to carry them out is gone.
  return {
    events: [{ type: "run.halted", data: { by, reason, who } }],
    actions: ending(session) ? asked : asked.filter((action) => action.type === "stopStep"),
    attempts: [],
    deadlines: [],
  };
}

function ending({ state }: RunSession): boolean {
  return state.phase === "stopping" || state.phase === "cleanup" || state.phase === "finished";
}

/**
 * What the dead process owed: what the charts have asked and no record answers, and every attempt that has an intent and
 * no outcome. Deadlines were absolute and stay what they were.
 */
export function pendingWork(session: RunSession): LoopStart {
  const events: ChartEvent[] = [];
  const attempts: AttemptOrder[] = [];
  for (const { id, state, attempt } of session.state.steps.values()) {
    const started = session.memory.attempts.get(id);
    if (started === undefined || started.attempt !== attempt) continue;
    if (state !== "running" && state !== "stopping") continue;
    const recovered = recover(id, state, started, session);
    if (recovered.kind === "attempt") attempts.push(recovered.order);
    if (recovered.kind === "event") events.push(recovered.event);
  }
  const asked = new Set(attempts.map((order) => order.step));
  const actions = outstanding(session.state).filter((action) => action.type !== "stopStep" || !asked.has(action.step));
  return { events, actions, attempts, deadlines: openDeadlines(session) };
}

type LostAttempt = StartedAttempt & { readonly boot: string };

type Recovered =
  | { readonly kind: "attempt"; readonly order: AttemptOrder }
  | { readonly kind: "event"; readonly event: ChartEvent }
  /** The charts ask for its stop, which it is by now. */
  | { readonly kind: "nothing" };

function recover(id: string, state: "running" | "stopping", lost: LostAttempt, session: RunSession): Recovered {
  const { step, definition } = stepOf(session, id);
  if (state === "stopping" && step.idempotent) return { kind: "nothing" };
  const started = { ...lost, deadlineMonoUs: inOurTime(lost.deadlineMonoUs, lost.boot, session) };
  const prepared = prepareInput(step, definition, stepScope(session.plan, session.memory));
  if (prepared.kind === "fault") {
    const error = stepFailure(prepared.error, session.deps.redactor);
    return { kind: "event", event: { type: "step.errored", data: { step: id, attempt: lost.attempt, error } } };
  }
  const mode = step.idempotent ? "run" : state === "stopping" ? "find_out" : "reconcile";
  return { kind: "attempt", order: { step: id, started, input: prepared.input, mode } };
}

function inOurTime(deadlineMonoUs: number, boot: string, { memory, deps }: RunSession): number {
  const last = memory.boots.get(boot);
  return last === undefined ? deadlineMonoUs : rebased(deadlineMonoUs, { boot, ...last }, deps.clock);
}

/** Of the phase and of the retries; an attempt's own is armed when it begins again. */
function openDeadlines(session: RunSession): readonly Deadline[] {
  const { memory, state } = session;
  const ours = (deadline: Deadline, boot: string): Deadline => ({
    ...deadline,
    dueMonoUs: inOurTime(deadline.dueMonoUs, boot, session),
  });
  const { phase } = memory;
  const phases = phase !== null && phase.phase === state.phase ? [ours(phaseDeadline(phase), phase.boot)] : [];
  const retries = [...memory.retries.values()].filter(({ step, attempt }) => {
    const now = state.steps.get(step);
    return now?.state === "backoff" && now.attempt === attempt;
  });
  return [...phases, ...retries.map((retry) => ours(retryDeadline(retry), retry.boot))];
}
