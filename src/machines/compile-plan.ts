import type { PhaseName } from "../drills/phases.ts";
import type { Plan, PlanPhase, PlanStep } from "../drills/plan.ts";
import { FiredrillError } from "../support/errors.ts";
import { buildDrillChart, type DrillChart } from "./drill-machine.ts";
import { buildStepChart, type StepChart } from "./step-machine.ts";
import { shapeName, stepShape } from "./step-shape.ts";

/** A plan's charts (one per shape of step) and its graph as tables: who waits for how many, who waits for whom. */
export interface CompiledPlan {
  readonly plan: Plan;
  readonly drill: DrillChart;
  readonly phases: ReadonlyMap<PhaseName, CompiledPhase>;
  /** In plan order. */
  readonly steps: ReadonlyMap<string, CompiledStep>;
  /** One per shape, by its name, in the order of their first step. */
  readonly charts: ReadonlyMap<string, StepChart>;
}

export interface CompiledPhase {
  readonly name: PhaseName;
  readonly stopsOnFailure: boolean;
  readonly steps: readonly CompiledStep[];
}

export interface CompiledStep {
  readonly id: string;
  readonly phase: PhaseName;
  readonly required: boolean;
  readonly chart: StepChart;
  /** How many steps it waits for. */
  readonly waitsFor: number;
  /** Steps that need this one to succeed. */
  readonly neededBy: readonly string[];
  /** Steps that begin when this one has ended, however. */
  readonly followedBy: readonly string[];
}

/** Throws `MACHINE_PLAN` for a plan that no playbook can give: needs that do not exist, lie in another phase or form a ring. */
export function compilePlan(plan: Plan): CompiledPlan {
  const graph = graphOf(plan);
  const charts = new Map<string, StepChart>();
  const steps = new Map(plan.steps.map((step) => [step.id, compileStep(step, graph, charts)]));
  const phases = plan.phases.map((phase) => [phase.name, compilePhase(phase, [...steps.values()])] as const);
  return { plan, drill: buildDrillChart(plan.phases), phases: new Map(phases), steps, charts };
}

function compilePhase(phase: PlanPhase, steps: readonly CompiledStep[]): CompiledPhase {
  return {
    name: phase.name,
    stopsOnFailure: phase.onFailure === "stop",
    steps: steps.filter((step) => step.phase === phase.name),
  };
}

function compileStep(step: PlanStep, graph: PlanGraph, charts: Map<string, StepChart>): CompiledStep {
  return {
    id: step.id,
    phase: step.phase,
    required: step.required,
    chart: chartFor(step, charts),
    waitsFor: waitsFor(step).size,
    neededBy: graph.neededBy.get(step.id) ?? [],
    followedBy: graph.followedBy.get(step.id) ?? [],
  };
}

function chartFor(step: PlanStep, charts: Map<string, StepChart>): StepChart {
  const shape = stepShape(step);
  const known = charts.get(shapeName(shape));
  if (known !== undefined) return known;
  const chart = buildStepChart(shape);
  charts.set(shapeName(shape), chart);
  return chart;
}

interface PlanGraph {
  readonly neededBy: ReadonlyMap<string, readonly string[]>;
  readonly followedBy: ReadonlyMap<string, readonly string[]>;
}

function graphOf(plan: Plan): PlanGraph {
  checkReferences(plan);
  const neededBy = new Map<string, string[]>();
  const followedBy = new Map<string, string[]>();
  for (const step of plan.steps) {
    for (const need of new Set(step.needs)) append(neededBy, need, step.id);
    if (step.after !== null && !step.needs.includes(step.after)) append(followedBy, step.after, step.id);
  }
  checkTurns(plan, neededBy, followedBy);
  return { neededBy, followedBy };
}

function waitsFor(step: PlanStep): ReadonlySet<string> {
  return new Set(step.after === null ? step.needs : [...step.needs, step.after]);
}

function append(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function checkReferences(plan: Plan): void {
  const phaseOf = new Map(plan.steps.map((step) => [step.id, step.phase]));
  if (phaseOf.size !== plan.steps.length) throw broken("two steps have the same id");
  const phases = new Set(plan.phases.map((phase) => phase.name));
  for (const step of plan.steps) {
    if (!phases.has(step.phase)) throw broken(`step ${step.id} is in ${step.phase}, a phase the plan does not have`);
    const stray = [...waitsFor(step)].find((id) => phaseOf.get(id) !== step.phase);
    if (stray !== undefined) throw broken(`step ${step.id} waits for ${stray}, which is not in ${step.phase}`);
  }
}

/** Every step's turn comes: takes away, again and again, what waits for nothing (Kahn 1962). */
function checkTurns(plan: Plan, ...successors: readonly ReadonlyMap<string, readonly string[]>[]): void {
  const remaining = new Map(plan.steps.map((step) => [step.id, waitsFor(step).size]));
  const turn = plan.steps.filter((step) => waitsFor(step).size === 0).map((step) => step.id);
  for (const id of turn) {
    for (const next of successors.flatMap((lists) => lists.get(id) ?? [])) {
      const left = (remaining.get(next) ?? 0) - 1;
      remaining.set(next, left);
      if (left === 0) turn.push(next);
    }
  }
  if (turn.length === plan.steps.length) return;
  const stuck = [...remaining].find(([, left]) => left > 0);
  throw broken(`the turn of step ${stuck?.[0]} never comes: it waits, in a ring, for itself`);
}

function broken(what: string): FiredrillError {
  return new FiredrillError("MACHINE_PLAN", `This plan cannot be run: ${what}.`, {
    hint: "Make the plan again from its playbook with `firedrill plan`; a plan that was edited by hand is not supported.",
  });
}
