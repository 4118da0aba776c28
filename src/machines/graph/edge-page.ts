import { PHASES } from "../../drills/phases.ts";
import type { PhaseShape } from "../drill-table.ts";
import { drillTable } from "../drill-table.ts";
import type { ChartTable, Edge, StateRow } from "../edges.ts";
import { stepTable } from "../step-table.ts";

/** The edge tables of the fullest charts as Markdown: the part of `docs/machines.md` that a test compares with the code. */
export function edgePage(): string {
  return [
    "### The drill, with every phase",
    ...chartTables(
      drillTable(PHASES.map((name): PhaseShape => ({ name, onFailure: name === "verify" ? "continue" : "stop" }))),
    ),
    "### A step, with retries",
    ...chartTables(stepTable({ disruptive: false, attempts: 3, retryOn: ["timeout", "transient"] })),
    "### A disruptive step, with retries",
    ...chartTables(stepTable({ disruptive: true, attempts: 3, retryOn: ["timeout", "transient"] })),
  ].join("\n\n");
}

function chartTables(table: ChartTable): readonly string[] {
  return [
    rows(
      ["State", "Orders on entering", "What it means"],
      table.states.map((state) => stateCells(state)),
    ),
    rows(
      ["From", "Event", "If", "To", "What happens"],
      table.edges.map((edge) => edgeCells(edge)),
    ),
  ];
}

function stateCells({ name, final, orders, sentence }: StateRow): readonly string[] {
  return [final ? `**${code(name)}**` : code(name), orders.map((order) => code(order)).join(" "), sentence];
}

function edgeCells({ from, event, when, to, order, sentence }: Edge): readonly string[] {
  const orders = order === undefined ? "" : ` (orders ${code(order)})`;
  return [code(from), code(event), when?.words ?? "", to === from ? "stays" : code(to), `${sentence}${orders}`];
}

function rows(head: readonly string[], body: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function code(text: string): string {
  return `\`${text}\``;
}
