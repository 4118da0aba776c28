import { type Edge, edgeLabel } from "./edges.ts";
import type { Path } from "./paths.ts";

/** What the analysis can say against a chart. */
export type Rule =
  /** An edge that leads nowhere, leaves an end, or can never be taken. */
  | "closed"
  /** A state nothing leads to. */
  | "reachable"
  /** A state from which the end cannot be reached. */
  | "ends"
  /** A wait that no deadline ends. */
  | "deadline"
  /** A way around a state that every way must pass. */
  | "gate"
  /** A state or an edge that does not give an order others rely on. */
  | "order";

export interface Finding {
  readonly chart: string;
  readonly rule: Rule;
  readonly state: string;
  readonly message: string;
  /** A shortest path that shows it; empty when there is none. */
  readonly path: Path;
}

/** The message, then one line for each edge of the path with its sentence. */
export function formatFinding(finding: Finding): string {
  const head = `${finding.chart}: ${finding.rule}: ${finding.message}`;
  return [head, ...finding.path.map((edge) => `  ${describe(edge)}`)].join("\n");
}

function describe(edge: Edge): string {
  return `${edgeLabel(edge)}  ${edge.sentence}`;
}
