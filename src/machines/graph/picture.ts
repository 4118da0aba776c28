import type { PhaseName } from "../../drills/phases.ts";
import type { Plan, PlanStep } from "../../drills/plan.ts";
import { compilePlan } from "../compile-plan.ts";
import type { ChartTable, Edge } from "../edges.ts";
import { plainText } from "./plain-text.ts";

/**
 * The whole of a plan as boxes and arrows, the same for every format: the drill's chart with the steps of each phase
 * inside, then one chart for each shape of step. Ids are ours, labels are plain text still to be escaped.
 */
export interface Picture {
  readonly title: string;
  readonly nodes: readonly PictureNode[];
  readonly groups: readonly PictureGroup[];
  readonly arrows: readonly PictureArrow[];
}

export interface PictureGroup {
  readonly id: string;
  readonly label: string;
  readonly nodes: readonly PictureNode[];
  readonly arrows: readonly PictureArrow[];
}

export interface PictureNode {
  readonly id: string;
  /** Lines of the label. */
  readonly lines: readonly string[];
  readonly kind: "state" | "end" | "step" | "guarded-step";
}

export interface PictureArrow {
  readonly from: string;
  readonly to: string;
  readonly label: string;
  /** `need`: begins only if the one before succeeded. `order`: begins when it has ended. */
  readonly kind: "edge" | "need" | "order";
}

export function pictureOf(plan: Plan): Picture {
  const { drill, charts } = compilePlan(plan);
  const ids = new Map(plan.steps.map((step, index) => [step.id, `s${index + 1}`]));
  const phases = new Set<string>(plan.phases.map(({ name }) => name));
  return {
    title: plainText(plan.title),
    nodes: stateNodes(drill.table, "d").filter(({ id }) => !phases.has(id.slice(2))),
    groups: [
      ...plan.phases.map(({ name }) => phaseGroup(plan, name, drill.table, ids)),
      ...[...charts.values()].map(({ table }, index) => chartGroup(table, `c${index + 1}`)),
    ],
    arrows: chartArrows(drill.table, "d").filter(({ from, to }) => from !== to),
  };
}

function phaseGroup(plan: Plan, phase: PhaseName, drill: ChartTable, ids: ReadonlyMap<string, string>): PictureGroup {
  const steps = plan.steps.filter((step) => step.phase === phase);
  const sentence = drill.states.find(({ name }) => name === phase)?.sentence ?? "";
  const anchor: PictureNode = { id: `d_${phase}`, lines: [phase, sentence], kind: "state" };
  return {
    id: `phase_${phase}`,
    label: phase,
    nodes: [anchor, ...steps.map((step) => stepNode(step, ids))],
    arrows: steps.flatMap((step) => stepArrows(step, anchor.id, ids)),
  };
}

function stepNode(step: PlanStep, ids: ReadonlyMap<string, string>): PictureNode {
  const optional = step.required ? [] : ["optional"];
  const lines = [plainText(step.id), plainText(step.uses), plainText(step.title), ...optional];
  return { id: ids.get(step.id) ?? "", lines, kind: step.effect === "disruptive" ? "guarded-step" : "step" };
}

function stepArrows(step: PlanStep, anchor: string, ids: ReadonlyMap<string, string>): readonly PictureArrow[] {
  const to = ids.get(step.id) ?? "";
  const needs = step.needs.map((id) => ({ from: ids.get(id) ?? "", to, label: "", kind: "need" as const }));
  if (step.after !== null) return [...needs, { from: ids.get(step.after) ?? "", to, label: "", kind: "order" }];
  return needs.length > 0 ? needs : [{ from: anchor, to, label: "", kind: "order" }];
}

function chartGroup(table: ChartTable, prefix: string): PictureGroup {
  return { id: prefix, label: table.name, nodes: stateNodes(table, prefix), arrows: chartArrows(table, prefix) };
}

function stateNodes(table: ChartTable, prefix: string): readonly PictureNode[] {
  return table.states.map(({ name, sentence, final }) => ({
    id: `${prefix}_${name}`,
    lines: [name, sentence],
    kind: final ? "end" : "state",
  }));
}

function chartArrows(table: ChartTable, prefix: string): readonly PictureArrow[] {
  return table.edges.map((edge) => ({
    from: `${prefix}_${edge.from}`,
    to: `${prefix}_${edge.to}`,
    label: eventLabel(edge),
    kind: "edge",
  }));
}

function eventLabel(edge: Edge): string {
  return edge.when === undefined ? edge.event : `${edge.event} [${edge.when.words}]`;
}
