import type { Plan, PlanStep } from "../../drills/plan.ts";
import { type CompiledPlan, compilePlan } from "../compile-plan.ts";
import type { ChartTable, Edge, StateRow } from "../edges.ts";
import { shapeName, stepShape } from "../step-shape.ts";
import { plainText } from "./plain-text.ts";

/** All charts of a plan with their sentences as stable text: what a golden file holds, and what `diff` shows well. */
export function dumpCharts(plan: Plan): string {
  const compiled = compilePlan(plan);
  const lines = [
    `plan ${plainText(plan.name)}`,
    ...plan.phases.flatMap(({ name, onFailure }) => [
      `  ${name} (on failure ${onFailure})`,
      ...plan.steps.filter((step) => step.phase === name).map((step) => `    ${stepText(step)}`),
    ]),
    ...tables(compiled).flatMap((table) => ["", ...chartLines(table)]),
  ];
  return `${lines.join("\n")}\n`;
}

function tables({ drill, charts }: CompiledPlan): readonly ChartTable[] {
  return [drill.table, ...[...charts.values()].map(({ table }) => table)];
}

function stepText(step: PlanStep): string {
  const waits = [...step.needs.map((id) => `needs ${id}`), ...(step.after === null ? [] : [`after ${step.after}`])];
  const parts = [step.uses, shapeName(stepShape(step)), step.required ? "required" : "optional", ...waits];
  return `${plainText(step.id)}: ${parts.map((part) => plainText(part)).join("; ")}`;
}

function chartLines(table: ChartTable): readonly string[] {
  return [
    `chart ${table.name}, begins in ${table.initial}`,
    ...table.states.flatMap((row) => [
      `  ${stateText(row)}`,
      ...table.edges.filter(({ from }) => from === row.name).flatMap((edge) => edgeLines(edge)),
    ]),
  ];
}

function stateText({ name, final, orders, sentence }: StateRow): string {
  const does = orders.length === 0 ? "" : ` / ${orders.join(", ")}`;
  return `${final ? `(${name})` : name}${does}: ${sentence}`;
}

function edgeLines({ event, when, to, order, note, sentence }: Edge): readonly string[] {
  const condition = when === undefined ? "" : ` [${when.words}]`;
  const does = [order, note].filter((name) => name !== undefined);
  return [`    ${event}${condition} -> ${to}${does.length === 0 ? "" : ` / ${does.join(", ")}`}`, `      ${sentence}`];
}
