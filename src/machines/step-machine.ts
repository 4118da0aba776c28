import { assign, initialTransition, setup, transition } from "xstate";
import type { ChartEvent, SkipReason } from "../drills/run-event.ts";
import { machineStates } from "./machine-states.ts";
import { type StepShape } from "./step-shape.ts";
import { STEP_ORDERS, STEP_STATES, type StepOrderName, type StepStateName } from "./step-vocabulary.ts";
import { stepTable } from "./step-table.ts";

/** What a step's chart is told: records about the step, and signals from the run. */
export type StepEvent = StepRecord | StepSignal;
export type StepRecord = Extract<ChartEvent, { readonly type: `step.${string}` }>;
export type StepSignal =
  | { readonly type: "NEEDS_MET" }
  | { readonly type: "NEEDS_FAILED"; readonly reason: SkipReason }
  | { readonly type: "STOP"; readonly reason: SkipReason }
  | { readonly type: "ABANDON" };

/** The chart of one shape of step as an XState machine, used through XState's pure functions only. */
export type StepChart = ReturnType<typeof buildStepChart>;
/** Where one step stands. Immutable, and shared by all steps that have not moved. */
export type StepSnapshot = StepChart["start"];

interface StepMemory {
  /** The attempt that runs, ran last or comes next; the first is 1. */
  readonly attempt: number;
  /** Why it is being stopped; after a stop by order there is no other attempt. */
  readonly stoppedBy: "deadline" | "order" | null;
  readonly skipReason: SkipReason | null;
  /** Whether its next attempt has a time. */
  readonly scheduled: boolean;
}

export function buildStepChart(shape: StepShape) {
  const table = stepTable(shape);
  const machine = stepMachine(shape);
  return { shape, table, machine, start: initialTransition(machine)[0] };
}

/** The next snapshot (its memory is what the orders are about) and the orders, by name. */
export function moveStep(
  chart: StepChart,
  from: StepSnapshot,
  event: StepEvent,
): [StepSnapshot, readonly StepOrderName[]] {
  const [next, actions] = transition(chart.machine, from, event);
  return [next, actions.map((action) => action.type).filter((type) => isOrder(type))];
}

export function stepState(snapshot: StepSnapshot): StepStateName {
  const state = STEP_STATES.find((name) => name === snapshot.value);
  if (state === undefined) throw new TypeError(`no state of a step: ${JSON.stringify(snapshot.value)}`);
  return state;
}

const AT_FIRST: StepMemory = { attempt: 1, stoppedBy: null, skipReason: null, scheduled: false };
/** XState reads types off this value and never its content. */
const TYPES: { context?: StepMemory; events?: StepEvent } = {};
/** Orders are data for the run: nothing executes them. */
const order = (): undefined => undefined;

function stepMachine(shape: StepShape) {
  const blueprint = setup({
    types: TYPES,
    actions: {
      checkGuard: order,
      startStep: order,
      skipStep: order,
      scheduleRetry: order,
      stopStep: order,
      reportRefusal: order,
      reportDoubt: order,
      keepSkipReason: assign({ skipReason: ({ event }) => skipReasonOf(event) }),
      keepRefusal: assign({ skipReason: "halted" }),
      late: assign({ stoppedBy: "deadline" }),
      orderedToStop: assign({ stoppedBy: "order" }),
      nextAttempt: assign({ attempt: ({ context }) => context.attempt + 1, stoppedBy: null, scheduled: false }),
      scheduled: assign({ scheduled: true }),
    },
    guards: {
      late: ({ context }) => context.stoppedBy === "deadline",
      mayRetryTimeout: ({ context }) => context.stoppedBy === "deadline" && context.attempt < shape.attempts,
      mayRetryError: ({ context, event }) => context.attempt < shape.attempts && isRetried(shape, event),
    },
  });
  return blueprint.createMachine({
    context: AT_FIRST,
    initial: "waiting",
    states: machineStates(stepTable(shape), {
      order: (type) => ({ type }),
      note: (type) => ({ type }),
      condition: (type) => ({ type }),
    }),
  });
}

function skipReasonOf(event: StepEvent): SkipReason | null {
  if ("reason" in event) return event.reason;
  return event.type === "step.skipped" ? event.data.reason : null;
}

function isRetried(shape: StepShape, event: StepEvent): boolean {
  return event.type === "step.errored" && shape.retryOn.some((retried) => retried === event.data.error.class);
}

function isOrder(type: string): type is StepOrderName {
  return STEP_ORDERS.some((name) => name === type);
}
