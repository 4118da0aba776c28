import { PHASES, type PhaseName } from "../drills/phases.ts";
import type { PlanPhase } from "../drills/plan.ts";
import type { ChartEvent } from "../drills/run-event.ts";
import type { ChartTable, Condition, Edge, StateRow } from "./edges.ts";

/** The drill's states; phases the plan does not have are not in its chart. */
export type DrillStateName = (typeof DRILL_STATES)[number];
export const DRILL_STATES = ["idle", ...PHASES, "stopping", "cleanup", "finished"] as const;

/** What of a phase decides the drill's chart. */
export type PhaseShape = Pick<PlanPhase, "name" | "onFailure">;

/** The words of a drill's chart. */
export interface DrillVocabulary {
  readonly state: DrillStateName;
  readonly event: DrillEventName;
  readonly order: DrillOrderName;
  readonly note: DrillNoteName;
  readonly condition: DrillConditionName;
}
export type DrillEventName = Exclude<ChartEvent["type"], `step.${string}`> | DrillSignalName;
export type DrillSignalName = "STEP_FAILED" | "STEPS_ENDED" | "STEP_IN_DOUBT" | "GUARD_REFUSED";
export type DrillOrderName = (typeof DRILL_ORDERS)[number];
export const DRILL_ORDERS = [
  "beginPhase",
  "startSteps",
  "stopPhase",
  "armStoppingDeadline",
  "stopSteps",
  "abandonSteps",
  "beginCleanup",
  "finish",
] as const;
export type DrillNoteName = "fresh" | "begun" | "windDown" | "keepReason";
export type DrillConditionName = "notBegun" | "notWinding" | "passed";

/** The chart of a drill with these phases, given in drill order. */
export function drillTable(phases: readonly PhaseShape[]): ChartTable<DrillVocabulary> {
  const stopping = phases.length === 0 ? [] : [STOPPING];
  const stoppingEdges = phases.length === 0 ? [] : STOPPING_EDGES;
  return {
    name: "drill",
    initial: "idle",
    states: [IDLE, ...phases.map((phase) => phaseState(phase)), ...stopping, ...END_STATES],
    edges: [
      ...idleEdges(phases),
      ...phases.flatMap((phase, index) => phaseEdges(phases, phase, index)),
      ...stoppingEdges,
      ...END_EDGES,
    ],
  };
}

type DrillEdge = Edge<DrillVocabulary>;

/** After these a failure still lets `return` happen: the service was recovered, and has to be handed back. */
const RETURNS_AFTER_FAILURE: ReadonlySet<PhaseName> = new Set(["verify", "hold"]);

const NOT_BEGUN: Condition<DrillConditionName> = { name: "notBegun", words: "not begun yet" };
const FIRST_FAILURE: Condition<DrillConditionName> = { name: "notWinding", words: "first failure of the phase" };
const ALL_GOOD: Condition<DrillConditionName> = { name: "passed", words: "every required step succeeded" };

function idleEdges(phases: readonly PhaseShape[]): readonly DrillEdge[] {
  const [first] = phases;
  return [
    {
      from: "idle",
      event: "run.started",
      to: first?.name ?? "cleanup",
      note: "fresh",
      sentence:
        first === undefined
          ? "The run has started and has nothing to do."
          : `The run has started: ${first.name} is its first phase.`,
    },
    {
      from: "idle",
      event: "run.halted",
      to: "cleanup",
      note: "keepReason",
      sentence: "The run is halted before it began.",
    },
  ];
}

function phaseEdges(phases: readonly PhaseShape[], phase: PhaseShape, index: number): readonly DrillEdge[] {
  const { name } = phase;
  return [
    {
      from: name,
      event: "phase.begun",
      when: NOT_BEGUN,
      to: name,
      note: "begun",
      order: "startSteps",
      sentence: `The deadline of ${name} is set: its steps that wait for nothing may start.`,
    },
    ...(phase.onFailure === "stop" ? [windDown(name)] : []),
    afterPassing(name, phases[index + 1]?.name),
    afterFailing(name, returnAfter(phases, index)),
    ...edgesToStopping(name),
  ];
}

function windDown(name: PhaseName): DrillEdge {
  return {
    from: name,
    event: "STEP_FAILED",
    when: FIRST_FAILURE,
    to: name,
    note: "windDown",
    order: "stopPhase",
    sentence: `A required step of ${name} did not succeed: the others are stopped or passed over.`,
  };
}

function afterPassing(name: PhaseName, next: PhaseName | undefined): DrillEdge {
  const sentence = next === undefined ? `${name} is done, the last phase.` : `${name} is done: ${next} comes next.`;
  return { from: name, event: "STEPS_ENDED", when: ALL_GOOD, to: next ?? "cleanup", note: "fresh", sentence };
}

function afterFailing(name: PhaseName, next: PhaseName | undefined): DrillEdge {
  const sentence =
    next === undefined
      ? `${name} has failed and nothing of it runs any more: the run ends.`
      : `${name} has failed: the service is still handed back.`;
  return { from: name, event: "STEPS_ENDED", to: next ?? "cleanup", note: "fresh", sentence };
}

function returnAfter(phases: readonly PhaseShape[], index: number): PhaseName | undefined {
  const phase = phases[index];
  if (phase === undefined || !RETURNS_AFTER_FAILURE.has(phase.name)) return undefined;
  return phases.slice(index + 1).find((later) => later.name === "return")?.name;
}

function edgesToStopping(name: PhaseName): readonly DrillEdge[] {
  const toStopping = (event: DrillEventName, sentence: string): DrillEdge => ({
    from: name,
    event,
    to: "stopping",
    note: "keepReason",
    sentence,
  });
  return [
    toStopping("phase.deadline_passed", `The time of ${name} is over: everything is told to stop.`),
    toStopping("STEP_IN_DOUBT", "Nobody can tell what a step did: the run stops for a person."),
    toStopping("GUARD_REFUSED", "A guard refused a step: the run stops."),
    toStopping("run.halted", "The run is halted: everything is told to stop."),
  ];
}

const STOPPING_EDGES: readonly DrillEdge[] = [
  { from: "stopping", event: "STEPS_ENDED", to: "cleanup", sentence: "Nothing runs any more." },
  {
    from: "stopping",
    event: "stopping.deadline_passed",
    to: "cleanup",
    order: "abandonSteps",
    sentence: "The time for stopping is over: cleanup goes on without what still runs.",
  },
];

const END_EDGES: readonly DrillEdge[] = [
  {
    from: "cleanup",
    event: "cleanup.begun",
    to: "cleanup",
    note: "begun",
    sentence: "The deadline of cleanup is set: the ledger is being worked off.",
  },
  { from: "cleanup", event: "cleanup.finished", to: "finished", sentence: "The ledger is worked off." },
  {
    from: "cleanup",
    event: "cleanup.deadline_passed",
    to: "finished",
    sentence: "The time for cleanup is over: what is left is listed.",
  },
];

const IDLE: StateRow<DrillVocabulary> = { name: "idle", orders: [], final: false, sentence: "The run is not started." };

function phaseState(phase: PhaseShape): StateRow<DrillVocabulary> {
  return { name: phase.name, orders: ["beginPhase"], final: false, sentence: PHASE_SENTENCES[phase.name] };
}

const PHASE_SENTENCES: Readonly<Record<PhaseName, string>> = {
  prepare: "Before the clock: is all well, and is there a backup?",
  disaster: "The service is lost, or declared lost.",
  recover: "The service is being brought back.",
  verify: "Is what came back right?",
  hold: "Does it stay healthy?",
  return: "The service is handed back and protected again.",
};

const STOPPING: StateRow<DrillVocabulary> = {
  name: "stopping",
  orders: ["armStoppingDeadline", "stopSteps"],
  final: false,
  sentence: "Nothing new starts; what runs is told to stop.",
};

const END_STATES: readonly StateRow<DrillVocabulary>[] = [
  {
    name: "cleanup",
    orders: ["beginCleanup"],
    final: false,
    sentence: "What the run made is removed, from the ledger.",
  },
  { name: "finished", orders: ["finish"], final: true, sentence: "The run is over." },
];
