import type { AnyStateNode } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { describe, expect, test } from "vitest";
import { PHASES } from "../../../src/drills/phases.ts";
import { buildDrillChart, type DrillEvent } from "../../../src/machines/drill-machine.ts";
import type { ChartTable } from "../../../src/machines/edges.ts";
import { shortestPaths } from "../../../src/machines/paths.ts";
import { compilePlan } from "../../../src/machines/run-chart.ts";
import { buildStepChart, type StepEvent } from "../../../src/machines/step-machine.ts";
import { planOf } from "../../support/machines-plan.ts";
import { record as r } from "../../support/machines-records.ts";

const step = buildStepChart({ disruptive: true, attempts: 2, retryOn: ["timeout", "transient"] });
const drill = buildDrillChart(PHASES.map((name) => ({ name, onFailure: "stop" })));

const stepEvents = [
  { type: "NEEDS_MET" },
  { type: "NEEDS_FAILED", reason: "needs_not_met" },
  { type: "STOP", reason: "halted" },
  { type: "ABANDON" },
  ...[r.guardPassed, r.guardRefused, r.start, r.success, r.checkFailed, r.late, r.stopped, r.overdue, r.doubt].map(
    (make) => make("a"),
  ),
  r.skip("a"),
  r.error("a", 1, "transient"),
  r.error("a", 1, "permanent"),
  r.retryScheduled("a", 2),
  r.retryDue("a", 2),
  // The builders make ChartEvents; these are the ones about steps.
] as StepEvent[];

const drillEvents = [
  ...PHASES.flatMap((phase) => [
    r.begun(phase),
    r.phaseLate(phase),
    { type: "STEPS_ENDED", phase, passed: true },
    { type: "STEPS_ENDED", phase, passed: false },
    { type: "STEP_FAILED", phase, step: "a" },
  ]),
  { type: "STEP_IN_DOUBT", step: "a" },
  { type: "GUARD_REFUSED", step: "a", message: "" },
  r.started(),
  r.halt(),
  r.stoppingLate(),
  r.cleanupBegun(),
  r.cleanupLate(),
  r.cleanupFinished(),
] as DrillEvent[];

describe("the XState machines", () => {
  test("reach exactly the states of their tables, never by a shorter path than the analysis finds", () => {
    const walks = [
      [lengths(getShortestPaths(step.machine, { events: stepEvents })), tableLengths(step.table)],
      [lengths(getShortestPaths(drill.machine, { events: drillEvents })), tableLengths(drill.table)],
    ] as const;
    for (const [walked, searched] of walks) {
      expect([...walked.keys()].toSorted()).toEqual([...searched.keys()].toSorted());
      // Conditions can make a path longer: `timed_out` needs the last attempt, which the search does not know.
      for (const [state, length] of walked) expect(length).toBeGreaterThanOrEqual(searched.get(state) ?? 0);
    }
  });

  test("take every edge of their tables for some event", () => {
    for (const { machine, table } of [step, drill]) {
      for (const edge of table.edges) {
        const transitions = machine.states[edge.from as keyof typeof machine.states]?.transitions.get(edge.event) ?? [];
        expect(transitions.map(({ description }) => description)).toContain(edge.sentence);
      }
    }
  });

  test("have neither invocations, timers nor spontaneous transitions: nothing moves but by a record", () => {
    for (const { machine } of [step, drill]) {
      for (const state of Object.values<AnyStateNode>(machine.states)) {
        expect(state.invoke).toEqual([]);
        expect(state.after).toEqual([]);
        expect(state.always ?? []).toEqual([]);
      }
    }
  });

  test("are shared by all steps of one shape", () => {
    const retry = { attempts: 3, delayMs: 1, on: ["transient"] as const };
    const { charts, steps } = compilePlan(
      planOf({ recover: [{ id: "a" }, { id: "b" }, { id: "c", retry }, { id: "d", retry: { ...retry, delayMs: 9 } }] }),
    );
    expect([...charts.keys()]).toEqual(["step", "step, 3 attempts on transient"]);
    expect(steps.get("c")?.chart).toBe(steps.get("d")?.chart);
  });
});

test("every record of the charts is heard by one of them", () => {
  const heard = new Set([...step.table.edges, ...drill.table.edges].map(({ event }) => event));
  for (const { type } of [...stepEvents, ...drillEvents]) expect(heard).toContain(type);
});

function lengths(paths: readonly { readonly state: { readonly value: unknown }; readonly weight: number }[]) {
  const shortest = new Map<string, number>();
  for (const { state, weight } of paths) {
    const name = String(state.value);
    shortest.set(name, Math.min(shortest.get(name) ?? weight, weight));
  }
  return shortest;
}

function tableLengths(table: ChartTable): ReadonlyMap<string, number> {
  return new Map([...shortestPaths(table, table.initial)].map(([state, path]) => [state, path.length]));
}
