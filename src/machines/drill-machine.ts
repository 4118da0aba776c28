import { assign, initialTransition, setup, transition } from "xstate";
import type { PhaseName } from "../drills/phases.ts";
import type { ChartEvent, HaltSource } from "../drills/run-event.ts";
import { machineStates } from "./machine-states.ts";
import {
  DRILL_ORDERS,
  DRILL_STATES,
  type DrillOrderName,
  type DrillStateName,
  drillTable,
  type PhaseShape,
} from "./drill-table.ts";

/** What the drill's chart is told: records about the run, and signals from its steps. */
export type DrillEvent = DrillRecord | DrillSignal;
export type DrillRecord = Exclude<ChartEvent, { readonly type: `step.${string}` }>;
export type DrillSignal =
  | { readonly type: "STEP_FAILED"; readonly phase: PhaseName; readonly step: string }
  | { readonly type: "STEPS_ENDED"; readonly phase: PhaseName; readonly passed: boolean }
  | { readonly type: "STEP_IN_DOUBT"; readonly step: string }
  | { readonly type: "GUARD_REFUSED"; readonly step: string; readonly message: string };

/** Why a phase or the run did not go on to its natural end. */
export type StopReason =
  | { readonly kind: "step_failed"; readonly phase: PhaseName; readonly step: string }
  | { readonly kind: "phase_deadline"; readonly phase: PhaseName }
  | { readonly kind: "in_doubt"; readonly step: string }
  | { readonly kind: "guard_refused"; readonly step: string; readonly message: string }
  | { readonly kind: "halted"; readonly by: HaltSource; readonly reason: string; readonly who: string | null };

/** The chart of a drill as an XState machine, used through XState's pure functions only. */
export type DrillChart = ReturnType<typeof buildDrillChart>;
export type DrillSnapshot = DrillChart["start"];

interface DrillMemory {
  /** Whether the phase, or cleanup, has a deadline and is at work. */
  readonly begun: boolean;
  /** Whether a required step failed and the phase lets the others end. */
  readonly winding: boolean;
  readonly stopReason: StopReason | null;
}

export function buildDrillChart(phases: readonly PhaseShape[]) {
  const machine = drillMachine(phases);
  return { table: drillTable(phases), machine, start: initialTransition(machine)[0] };
}

/** The next snapshot and the orders, by name. */
export function moveDrill(
  chart: DrillChart,
  from: DrillSnapshot,
  event: DrillEvent,
): [DrillSnapshot, readonly DrillOrderName[]] {
  const [next, actions] = transition(chart.machine, from, event);
  return [next, actions.map((action) => action.type).filter((type) => isOrder(type))];
}

export function drillState(snapshot: DrillSnapshot): DrillStateName {
  const state = DRILL_STATES.find((name) => name === snapshot.value);
  if (state === undefined) throw new TypeError(`no state of a drill: ${JSON.stringify(snapshot.value)}`);
  return state;
}

const AT_FIRST: DrillMemory = { begun: false, winding: false, stopReason: null };
/** XState reads types off this value and never its content. */
const TYPES: { context?: DrillMemory; events?: DrillEvent } = {};
/** Orders are data for the run: nothing executes them. */
const order = (): undefined => undefined;

function drillMachine(phases: readonly PhaseShape[]) {
  const blueprint = setup({
    types: TYPES,
    actions: {
      beginPhase: order,
      startSteps: order,
      stopPhase: order,
      armStoppingDeadline: order,
      stopSteps: order,
      abandonSteps: order,
      beginCleanup: order,
      finish: order,
      fresh: assign({ begun: false, winding: false }),
      begun: assign({ begun: true }),
      windDown: assign({ winding: true, stopReason: ({ context, event }) => stopReasonOf(event, context) }),
      keepReason: assign({ begun: false, stopReason: ({ context, event }) => stopReasonOf(event, context) }),
    },
    guards: {
      notBegun: ({ context }) => !context.begun,
      notWinding: ({ context }) => !context.winding,
      passed: ({ event }) => event.type === "STEPS_ENDED" && event.passed,
    },
  });
  return blueprint.createMachine({
    context: AT_FIRST,
    initial: "idle",
    states: machineStates(drillTable(phases), {
      order: (type) => ({ type }),
      note: (type) => ({ type }),
      condition: (type) => ({ type }),
    }),
  });
}

function stopReasonOf(event: DrillEvent, memory: DrillMemory): StopReason | null {
  switch (event.type) {
    case "STEP_FAILED":
      return { kind: "step_failed", phase: event.phase, step: event.step };
    case "phase.deadline_passed":
      return { kind: "phase_deadline", phase: event.data.phase };
    case "STEP_IN_DOUBT":
      return { kind: "in_doubt", step: event.step };
    case "GUARD_REFUSED":
      return { kind: "guard_refused", step: event.step, message: event.message };
    case "run.halted":
      return { kind: "halted", by: event.data.by, reason: event.data.reason, who: event.data.who };
    default:
      return memory.stopReason;
  }
}

function isOrder(type: string): type is DrillOrderName {
  return DRILL_ORDERS.some((name) => name === type);
}
