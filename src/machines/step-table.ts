import type { ChartTable, Condition, Edge, StateRow } from "./edges.ts";
import { shapeName, type StepShape } from "./step-shape.ts";
import type { StepConditionName, StepVocabulary } from "./step-vocabulary.ts";

/** The chart of one shape, in a stable order. */
export function stepTable(shape: StepShape): ChartTable<StepVocabulary> {
  const retried = shape.attempts > 1;
  const states = STATES.filter(
    (row) => (row.name !== "guarded" || shape.disruptive) && (row.name !== "backoff" || retried),
  );
  const edges = [
    ...waiting(shape),
    ...(shape.disruptive ? GUARDED : []),
    ...READY,
    ...skipping(shape),
    ...running(shape),
    ...(retried ? backoff(shape) : []),
    ...stopping(shape),
  ];
  return { name: shapeName(shape), initial: "waiting", states, edges };
}

type StepEdge = Edge<StepVocabulary>;

function waiting(shape: StepShape): readonly StepEdge[] {
  const sentence = shape.disruptive
    ? "What it waits for is done: its guards are asked first."
    : "What it waits for is done: it may start.";
  return [
    { from: "waiting", event: "NEEDS_MET", to: shape.disruptive ? "guarded" : "ready", sentence },
    {
      from: "waiting",
      event: "NEEDS_FAILED",
      to: "skipping",
      note: "keepSkipReason",
      sentence: "A step it needs did not succeed: it is passed over.",
    },
    {
      from: "waiting",
      event: "STOP",
      to: "skipping",
      note: "keepSkipReason",
      sentence: "The phase or the run stops before its turn.",
    },
  ];
}

const GUARDED: readonly StepEdge[] = [
  { from: "guarded", event: "step.guard_passed", to: "ready", sentence: "Every guard agreed: it may start." },
  {
    from: "guarded",
    event: "step.guard_refused",
    to: "skipping",
    note: "keepRefusal",
    order: "reportRefusal",
    sentence: "A guard refused: it never runs, and the run stops.",
  },
  {
    from: "guarded",
    event: "step.skipped",
    to: "skipped",
    note: "keepSkipReason",
    sentence: "Its condition is false: no guard needed to be asked.",
  },
  {
    from: "guarded",
    event: "STOP",
    to: "skipping",
    note: "keepSkipReason",
    sentence: "The phase or the run stops before its guards answered.",
  },
];

const READY: readonly StepEdge[] = [
  { from: "ready", event: "step.started", to: "running", sentence: "The intent is durable: its effect begins." },
  {
    from: "ready",
    event: "step.skipped",
    to: "skipped",
    note: "keepSkipReason",
    sentence: "Its condition is false: it is passed over.",
  },
  {
    from: "ready",
    event: "step.errored",
    to: "errored",
    sentence: "Its condition or its input could not be worked out: nothing was begun.",
  },
  {
    from: "ready",
    event: "STOP",
    to: "skipping",
    note: "keepSkipReason",
    sentence: "The phase or the run stops before it began.",
  },
];

/** A disruptive step has no way from here to an effect: nothing of it begins but behind its guards. */
function skipping(shape: StepShape): readonly StepEdge[] {
  const crossed: StepEdge = {
    from: "skipping",
    event: "step.started",
    to: "stopping",
    note: "orderedToStop",
    sentence: "Its start was on the way when the stop came: its effect is told to stop.",
  };
  return [
    {
      from: "skipping",
      event: "step.skipped",
      to: "skipped",
      note: "keepSkipReason",
      sentence: "That it is passed over is on record.",
    },
    ...(shape.disruptive ? [] : [crossed]),
    { from: "skipping", event: "ABANDON", to: "skipped", sentence: "The time for stopping is over: it never began." },
  ];
}

const RETRY_ERROR: Condition<StepConditionName> = {
  name: "mayRetryError",
  words: "of a class that is tried again, attempts left",
};
const RETRY_TIMEOUT: Condition<StepConditionName> = {
  name: "mayRetryTimeout",
  words: "stopped by its deadline, timeouts are tried again, attempts left",
};
const LATE: Condition<StepConditionName> = { name: "late", words: "stopped by its deadline" };

function running(shape: StepShape): readonly StepEdge[] {
  const retry: StepEdge = {
    from: "running",
    event: "step.errored",
    when: RETRY_ERROR,
    to: "backoff",
    note: "nextAttempt",
    sentence: "It broke in a way that may pass: it waits, then tries again.",
  };
  return [
    { from: "running", event: "step.succeeded", to: "succeeded", sentence: "It did its work." },
    { from: "running", event: "step.check_failed", to: "check_failed", sentence: "It looked, and the answer is no." },
    ...(shape.attempts > 1 ? [retry] : []),
    { from: "running", event: "step.errored", to: "errored", sentence: "It broke, and is not tried again." },
    {
      from: "running",
      event: "step.deadline_passed",
      to: "stopping",
      note: "late",
      sentence: "Its time is over: its effect is told to stop.",
    },
    {
      from: "running",
      event: "STOP",
      to: "stopping",
      note: "orderedToStop",
      sentence: "The phase or the run stops: its effect is told to stop.",
    },
    { from: "running", event: "step.stopped", to: "stopped", sentence: "Its effect ended without an outcome." },
    {
      from: "running",
      event: "step.in_doubt",
      to: "in_doubt",
      sentence: "Nobody can tell what its effect did: a person must look.",
    },
  ];
}

function backoff(shape: StepShape): readonly StepEdge[] {
  const again = shape.disruptive
    ? "The wait is over: its guards are asked again."
    : "The wait is over: it may start again.";
  return [
    {
      from: "backoff",
      event: "step.retry_scheduled",
      to: "backoff",
      note: "scheduled",
      sentence: "Its next attempt has a time.",
    },
    { from: "backoff", event: "step.retry_due", to: shape.disruptive ? "guarded" : "ready", sentence: again },
    {
      from: "backoff",
      event: "STOP",
      to: "skipping",
      note: "keepSkipReason",
      sentence: "The phase or the run stops: it is not tried again.",
    },
  ];
}

function stopping(shape: StepShape): readonly StepEdge[] {
  const retry: StepEdge = {
    from: "stopping",
    event: "step.stopped",
    when: RETRY_TIMEOUT,
    to: "backoff",
    note: "nextAttempt",
    sentence: "It took too long: it waits, then tries again.",
  };
  return [
    {
      from: "stopping",
      event: "step.succeeded",
      to: "succeeded",
      sentence: "It had done its work before it could be stopped: that counts.",
    },
    {
      from: "stopping",
      event: "step.check_failed",
      to: "check_failed",
      sentence: "Its answer was there before it could be stopped: no.",
    },
    { from: "stopping", event: "step.errored", to: "errored", sentence: "It broke before it could be stopped." },
    ...(shape.retryOn.includes("timeout") ? [retry] : []),
    {
      from: "stopping",
      event: "step.stopped",
      when: LATE,
      to: "timed_out",
      sentence: "It took too long and has stopped.",
    },
    { from: "stopping", event: "step.stopped", to: "stopped", sentence: "It has stopped as told." },
    {
      from: "stopping",
      event: "step.stop_overdue",
      to: "abandoned",
      sentence: "It did not stop in time: the run goes on without it.",
    },
    {
      from: "stopping",
      event: "step.in_doubt",
      to: "in_doubt",
      sentence: "Nobody can tell what its effect did: a person must look.",
    },
    {
      from: "stopping",
      event: "STOP",
      to: "stopping",
      note: "orderedToStop",
      sentence: "It is being stopped already; it will not be tried again.",
    },
    {
      from: "stopping",
      event: "ABANDON",
      to: "abandoned",
      sentence: "The time for stopping is over: the run goes on without it.",
    },
  ];
}

const STATES: readonly StateRow<StepVocabulary>[] = [
  { name: "waiting", orders: [], final: false, sentence: "Its turn has not come." },
  {
    name: "guarded",
    orders: ["checkGuard"],
    final: false,
    sentence: "It changes a system of the inventory: its guards are being asked.",
  },
  {
    name: "ready",
    orders: ["startStep"],
    final: false,
    sentence: "It may start; its condition and input are being worked out.",
  },
  { name: "skipping", orders: ["skipStep"], final: false, sentence: "It is being passed over." },
  { name: "running", orders: [], final: false, sentence: "Its effect is at work." },
  { name: "backoff", orders: ["scheduleRetry"], final: false, sentence: "It waits before its next attempt." },
  { name: "stopping", orders: ["stopStep"], final: false, sentence: "Its effect was told to stop." },
  { name: "succeeded", orders: [], final: true, sentence: "It did its work." },
  { name: "check_failed", orders: [], final: true, sentence: "It answered no." },
  { name: "errored", orders: [], final: true, sentence: "It broke." },
  { name: "timed_out", orders: [], final: true, sentence: "It took longer than its deadline." },
  { name: "skipped", orders: [], final: true, sentence: "It was passed over." },
  { name: "stopped", orders: [], final: true, sentence: "It was stopped before its end." },
  { name: "abandoned", orders: [], final: true, sentence: "It would not stop." },
  { name: "in_doubt", orders: ["reportDoubt"], final: true, sentence: "What it did is unknown." },
];
