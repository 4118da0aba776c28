import { describe, expect, test } from "vitest";
import { PHASES } from "../../../src/drills/phases.ts";
import {
  analyseChart,
  analysePlan,
  type Finding,
  formatFinding,
  requireSound,
} from "../../../src/machines/analysis.ts";
import { type Demands, DISRUPTIVE_STEP_DEMANDS, DRILL_DEMANDS, STEP_DEMANDS } from "../../../src/machines/demands.ts";
import { drillTable } from "../../../src/machines/drill-table.ts";
import { type ChartTable, type Edge, edgeLabel } from "../../../src/machines/edges.ts";
import { type StepShape } from "../../../src/machines/step-shape.ts";
import { stepTable } from "../../../src/machines/step-table.ts";
import { planOf } from "../../support/machines-plan.ts";

const RETRIED: StepShape = { disruptive: false, attempts: 3, retryOn: ["timeout", "transient"] };
const DISRUPTIVE: StepShape = { ...RETRIED, disruptive: true };

const drill: ChartTable = drillTable(
  PHASES.map((name) => ({ name, onFailure: name === "verify" ? "continue" : "stop" })),
);
const step: ChartTable = stepTable(RETRIED);
const disruptive: ChartTable = stepTable(DISRUPTIVE);

function without(table: ChartTable, drop: (edge: Edge) => boolean): ChartTable {
  const edges = table.edges.filter((edge) => !drop(edge));
  expect(edges.length, "the planted fault changes something").toBeLessThan(table.edges.length);
  return { ...table, edges };
}

function withEdge(table: ChartTable, from: string, event: string, to: string): ChartTable {
  return { ...table, edges: [...table.edges, { from, event, to, sentence: "Planted." }] };
}

function faults(table: ChartTable, demands: Demands): readonly string[] {
  return analyseChart(table, demands).map(({ rule, state }) => `${rule} ${state}`);
}

function pathOf(finding: Finding | undefined): readonly string[] {
  return (finding?.path ?? []).map((edge) => edgeLabel(edge));
}

describe("charts as they are", () => {
  const everySubset = Array.from({ length: 2 ** PHASES.length }, (_, bits) =>
    PHASES.filter((_name, index) => (bits >> index) % 2 === 1),
  );

  test("every drill, whatever phases it has and however they fail, is sound", () => {
    for (const phases of everySubset) {
      for (const onFailure of ["stop", "continue"] as const) {
        expect(analyseChart(drillTable(phases.map((name) => ({ name, onFailure }))), DRILL_DEMANDS)).toEqual([]);
      }
    }
  });

  test("every shape of step is sound", () => {
    for (const retryOn of [[], ["timeout"], ["transient"], ["timeout", "transient"]] as const) {
      const attempts = retryOn.length === 0 ? 1 : 3;
      expect(analyseChart(stepTable({ disruptive: false, attempts, retryOn }), STEP_DEMANDS)).toEqual([]);
      expect(analyseChart(stepTable({ disruptive: true, attempts, retryOn }), DISRUPTIVE_STEP_DEMANDS)).toEqual([]);
    }
  });

  test("a plan is sound, with the charts of all its steps", () => {
    const plan = planOf({
      disaster: [{ id: "kill", effect: "disruptive" }],
      recover: [{ id: "restore", retry: { attempts: 2, delayMs: 1, on: ["timeout"] } }],
    });
    expect(analysePlan(plan)).toEqual([]);
    expect(() => requireSound(plan)).not.toThrow();
  });

  test.each([
    ["an unknown step", [{ id: "a", needs: ["nobody"] }], "step a waits for nobody, which is not in recover"],
    [
      "a ring",
      [
        { id: "a", needs: ["b"] },
        { id: "b", needs: ["a"] },
      ],
      "the turn of step a never comes",
    ],
    ["itself", [{ id: "a", needs: ["a"] }], "the turn of step a never comes"],
    ["the same id twice", [{ id: "a" }, { id: "a" }], "two steps have the same id"],
  ])("a plan in which a step waits for %s is refused", (_what, steps, message) => {
    expect(() => analysePlan(planOf({ recover: steps }))).toThrow(message);
  });
});

describe("planted faults", () => {
  test("an edge to a state that does not exist", () => {
    expect(faults(withEdge(step, "running", "step.paused", "paused"), STEP_DEMANDS)).toEqual(["closed running"]);
  });

  test("an edge out of a state that does not exist", () => {
    expect(faults(withEdge(step, "guarded", "step.guard_passed", "ready"), STEP_DEMANDS)).toEqual(["closed guarded"]);
  });

  test("an edge out of an end", () => {
    expect(faults(withEdge(step, "succeeded", "step.started", "running"), STEP_DEMANDS)).toEqual(["closed succeeded"]);
  });

  test("an edge that an earlier one hides", () => {
    expect(faults(withEdge(step, "running", "step.errored", "backoff"), STEP_DEMANDS)).toEqual(["closed running"]);
  });

  test("a beginning that does not exist", () => {
    expect(faults({ ...step, initial: "begin" }, STEP_DEMANDS)).toEqual(["closed begin"]);
  });

  test("a phase that nothing leads to", () => {
    expect(
      faults(
        without(drill, ({ to, from }) => to === "hold" && from === "verify"),
        DRILL_DEMANDS,
      ),
    ).toContain("reachable hold");
  });

  test("a state from which cleanup cannot be reached, with the way there", () => {
    const cut = without(drill, ({ from }) => from === "stopping");
    const findings = analyseChart(cut, DRILL_DEMANDS);
    const found = findings.find(({ rule, state }) => rule === "ends" && state === "stopping");
    expect(found?.message).toBe("from stopping there is no way to cleanup");
    expect(pathOf(found)).toEqual(["idle --run.started--> prepare", "prepare --phase.deadline_passed--> stopping"]);
  });

  test("a step that cannot end", () => {
    expect(
      faults(
        without(step, ({ from }) => from === "stopping"),
        STEP_DEMANDS,
      ),
    ).toContain("ends stopping");
  });

  test("an end that goes around cleanup", () => {
    const findings = analyseChart(withEdge(drill, "recover", "run.done", "finished"), DRILL_DEMANDS);
    expect(findings.map(({ rule, message }) => `${rule}: ${message}`)).toEqual([
      "gate: finished can be reached without cleanup",
    ]);
    expect(pathOf(findings[0]).at(-1)).toBe("recover --run.done--> finished");
  });

  test.each<[string, ChartTable, Demands, (edge: Edge) => boolean, string]>([
    [
      "of a phase",
      drill,
      DRILL_DEMANDS,
      ({ from, event }) => from === "recover" && event === "phase.deadline_passed",
      "recover",
    ],
    ["of stopping", drill, DRILL_DEMANDS, ({ event }) => event === "stopping.deadline_passed", "stopping"],
    ["of cleanup", drill, DRILL_DEMANDS, ({ event }) => event === "cleanup.deadline_passed", "cleanup"],
    [
      "of a stop",
      step,
      STEP_DEMANDS,
      ({ from, event }) => from === "stopping" && (event === "step.stop_overdue" || event === "ABANDON"),
      "stopping",
    ],
    [
      "of passing over",
      step,
      STEP_DEMANDS,
      ({ from, event }) => from === "skipping" && event === "ABANDON",
      "skipping",
    ],
    [
      "of guards",
      disruptive,
      DISRUPTIVE_STEP_DEMANDS,
      ({ from, event }) => from === "guarded" && event === "STOP",
      "guarded",
    ],
    ["of waiting", step, STEP_DEMANDS, ({ from, event }) => from === "waiting" && event === "STOP", "waiting"],
  ])("a missing deadline %s", (_what, table, demands, drop, state) => {
    const found = analyseChart(without(table, drop), demands).find(
      (each) => each.rule === "deadline" && each.state === state,
    );
    expect(found?.message).toBe(`no deadline ends the wait in ${state}`);
    expect(found?.path.at(-1)?.to ?? table.initial).toBe(state);
  });

  test("a step that runs without any deadline", () => {
    const cut = without(
      step,
      ({ from, event }) => from === "running" && (event === "step.deadline_passed" || event === "STOP"),
    );
    expect(faults(cut, STEP_DEMANDS)).toContain("deadline running");
  });

  test("a deadline that nobody sets", () => {
    const states = drill.states.map((row) => (row.name === "stopping" ? { ...row, orders: ["stopSteps"] } : row));
    expect(faults({ ...drill, states }, DRILL_DEMANDS)).toContain("deadline stopping");
  });

  test("a stop that does not tell the steps", () => {
    const states = drill.states.map((row) =>
      row.name === "stopping" ? { ...row, orders: ["armStoppingDeadline"] } : row,
    );
    expect(faults({ ...drill, states }, DRILL_DEMANDS)).toEqual(["order stopping"]);
  });

  test("a disruptive step that runs without its guards, with the shortest way around", () => {
    const [found, ...others] = analyseChart(
      withEdge(disruptive, "waiting", "step.forced", "ready"),
      DISRUPTIVE_STEP_DEMANDS,
    );
    expect(found?.message).toBe("running can be reached without guarded");
    expect(pathOf(found)).toEqual(["waiting --step.forced--> ready", "ready --step.started--> running"]);
    expect(formatFinding(found ?? never())).toBe(
      [
        "guarded step, 3 attempts on timeout and transient: gate: running can be reached without guarded",
        "  waiting --step.forced--> ready  Planted.",
        "  ready --step.started--> running  The intent is durable: its effect begins.",
      ].join("\n"),
    );
    expect(others.every(({ rule }) => rule === "gate")).toBe(true);
  });

  test("a disruptive step that is tried again without its guards", () => {
    const edges = disruptive.edges.map((edge) => (edge.event === "step.retry_due" ? { ...edge, to: "ready" } : edge));
    const [found] = analyseChart({ ...disruptive, edges }, DISRUPTIVE_STEP_DEMANDS);
    expect(found?.message).toBe("running can be reached again without guarded");
    expect(pathOf(found).map((text) => text.replace(/ \[.*\]/u, ""))).toEqual([
      "running --step.errored--> backoff",
      "backoff --step.retry_due--> ready",
      "ready --step.started--> running",
    ]);
  });

  test("a disruptive step with the chart of an ordinary one", () => {
    expect(faults(step, DISRUPTIVE_STEP_DEMANDS)).toContain("gate running");
  });
});

test("every phase has a deadline in every drill it is part of", () => {
  for (const phase of PHASES) {
    const cut = without(drill, ({ from, event }) => from === phase && event === "phase.deadline_passed");
    expect(faults(cut, DRILL_DEMANDS)).toContain(`deadline ${phase}`);
  }
});

function never(): never {
  throw new Error("no finding");
}
