import { PHASES } from "../drills/phases.ts";

/** What the analysis demands of a kind of chart. */
export interface Demands {
  /** From every state one of each list can be reached; states of `behind` lie behind it and need not. */
  readonly ends: readonly { readonly anyOf: readonly string[]; readonly behind: readonly string[] }[];
  /** Events that come at the latest when a time is over, by what sets that time. */
  readonly deadlines: Readonly<Record<string, Arming>>;
  /** States that wait for no deadline, each with the reason why not. */
  readonly unhurried: Readonly<Record<string, string>>;
  /** Every way from the beginning to `to` passes `through`; `again`: every way from `to` back to it as well. */
  readonly gates: readonly { readonly to: string; readonly through: string; readonly again: boolean }[];
  /** Orders that the other chart's deadlines rely on. */
  readonly relays: readonly { readonly state: string; readonly event: string | null; readonly order: string }[];
}

/** A time is set by an order of the waiting state itself, by the record that leads to it, or by the drill's chart. */
export type Arming =
  | { readonly by: "order"; readonly order: string }
  | { readonly by: "record"; readonly event: string }
  | { readonly by: "drill" };

export const DRILL_DEMANDS: Demands = {
  ends: [
    { anyOf: ["cleanup"], behind: ["finished"] },
    { anyOf: ["finished"], behind: [] },
  ],
  deadlines: {
    "phase.deadline_passed": { by: "order", order: "beginPhase" },
    "stopping.deadline_passed": { by: "order", order: "armStoppingDeadline" },
    "cleanup.deadline_passed": { by: "order", order: "beginCleanup" },
  },
  unhurried: { idle: "nothing exists yet, and run.started is the engine's own first record" },
  gates: [{ to: "finished", through: "cleanup", again: false }],
  relays: [
    ...PHASES.map((state) => ({ state, event: "phase.begun", order: "startSteps" })),
    { state: "stopping", event: null, order: "stopSteps" },
    { state: "stopping", event: "stopping.deadline_passed", order: "abandonSteps" },
    { state: "cleanup", event: null, order: "beginCleanup" },
    { state: "finished", event: null, order: "finish" },
  ],
};

const STEP_ENDS = ["succeeded", "check_failed", "errored", "timed_out", "skipped", "stopped", "abandoned", "in_doubt"];

export const STEP_DEMANDS: Demands = {
  ends: [{ anyOf: STEP_ENDS, behind: [] }],
  deadlines: {
    "step.deadline_passed": { by: "record", event: "step.started" },
    "step.retry_due": { by: "order", order: "scheduleRetry" },
    "step.stop_overdue": { by: "order", order: "stopStep" },
    // The phase's deadline leads the drill to `stopping`, which tells every step; its own deadline abandons them.
    STOP: { by: "drill" },
    ABANDON: { by: "drill" },
  },
  unhurried: {},
  gates: [],
  relays: [
    { state: "ready", event: null, order: "startStep" },
    { state: "skipping", event: null, order: "skipStep" },
    { state: "in_doubt", event: null, order: "reportDoubt" },
  ],
};

/** A step that changes a system of the inventory: nothing of it begins, the first time or again, but behind its guards. */
export const DISRUPTIVE_STEP_DEMANDS: Demands = {
  ...STEP_DEMANDS,
  gates: [
    { to: "running", through: "guarded", again: true },
    { to: "stopping", through: "guarded", again: false },
  ],
  relays: [
    ...STEP_DEMANDS.relays,
    { state: "guarded", event: null, order: "checkGuard" },
    { state: "guarded", event: "step.guard_refused", order: "reportRefusal" },
  ],
};
