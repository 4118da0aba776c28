import type { Plan, PlanPhase, PlanStep } from "../../drills/plan.ts";
import type { JsonObject } from "../../support/json.ts";
import { type CompiledPlan, compilePlan } from "../compile-plan.ts";
import type { ChartTable } from "../edges.ts";
import { machineStates } from "../machine-states.ts";
import { plainText } from "./plain-text.ts";

/**
 * The whole as one XState config: `createMachine` takes it and Stately's editor imports it. For looking at only: the
 * steps of a phase are parallel regions here, which costs the square of their number to run.
 */
export function toStately(plan: Plan): JsonObject {
  const compiled = compilePlan(plan);
  const keys = stateKeys(plan.steps);
  const states = plainStates(compiled.drill.table);
  const phases = plan.phases.map(
    (phase) => [phase.name, phaseState(phase, compiled, keys, states[phase.name])] as const,
  );
  return {
    id: "drill",
    description: plainText(plan.title),
    initial: compiled.drill.table.initial,
    states: { ...states, ...Object.fromEntries(phases) },
  };
}

function phaseState(
  phase: PlanPhase,
  compiled: CompiledPlan,
  keys: ReadonlyMap<string, string>,
  state: JsonObject = {},
): JsonObject {
  const steps = compiled.plan.steps.filter((step) => step.phase === phase.name);
  if (steps.length === 0) return state;
  const regions = steps.map((step) => [keys.get(step.id) ?? "", stepState(step, compiled)] as const);
  return { ...state, type: "parallel", states: Object.fromEntries(regions) };
}

function stepState(step: PlanStep, compiled: CompiledPlan): JsonObject {
  const table = compiled.steps.get(step.id)?.chart.table;
  const waits = [...step.needs.map((id) => `needs ${id}`), ...(step.after === null ? [] : [`after ${step.after}`])];
  const description = [step.title, `uses ${step.uses}`, ...waits].map((part) => plainText(part)).join("; ");
  return table === undefined ? { description } : { description, initial: table.initial, states: plainStates(table) };
}

/** The table's states as the machines have them, as plain JSON. */
function plainStates(table: ChartTable): Readonly<Record<string, JsonObject>> {
  const states = machineStates(table, { order: named, note: named, condition: named });
  return Object.fromEntries(Object.entries(states).map(([name, state]) => [name, { ...state }]));
}

/** An id is a key as it stands when nothing in XState's targets (`.`, `#`) can take it for something else. */
function stateKeys(steps: readonly PlanStep[]): ReadonlyMap<string, string> {
  const plain = /^(?!step_\d+$)[A-Za-z][A-Za-z0-9_-]{0,62}$/u;
  return new Map(steps.map(({ id }, index) => [id, plain.test(id) ? id : `step_${index + 1}`]));
}

function named(type: string): JsonObject {
  return { type };
}
