import type { ChartTable, Edge, StateRow, Vocabulary } from "./edges.ts";

/** How the names of a table become XState actions (O for orders, N for notes) and guards (G). */
export interface Wording<V extends Vocabulary, O, N, G> {
  order(name: V["order"]): O;
  note(name: V["note"]): N;
  condition(name: V["condition"]): G;
}

/** Types, not interfaces: with plain O, N and G these are JSON. */
export type MachineState<O, N, G> = {
  readonly description: string;
  readonly type?: "final";
  readonly entry: O[];
  readonly on: Record<string, MachineEdge<O | N, G>[]>;
};

export type MachineEdge<A, G> = {
  readonly target?: string;
  readonly guard?: G;
  readonly actions: A[];
  readonly description: string;
};

/** The `states` of an XState config, made from a table. */
export function machineStates<V extends Vocabulary, O, N, G>(
  table: ChartTable<V>,
  wording: Wording<V, O, N, G>,
): Record<string, MachineState<O, N, G>> {
  const states: Record<string, MachineState<O, N, G>> = {};
  for (const row of table.states) states[row.name] = machineState(row, wording);
  for (const edge of table.edges) {
    const on = states[edge.from]?.on;
    if (on !== undefined) (on[edge.event] ??= []).push(machineEdge(edge, wording));
  }
  return states;
}

function machineState<V extends Vocabulary, O, N, G>(
  row: StateRow<V>,
  wording: Wording<V, O, N, G>,
): MachineState<O, N, G> {
  const entry = row.orders.map((order) => wording.order(order));
  return { description: row.sentence, ...(row.final ? { type: "final" } : {}), entry, on: {} };
}

/** An edge that stays has no target: XState then does not enter the state again. */
function machineEdge<V extends Vocabulary, O, N, G>(
  edge: Edge<V>,
  wording: Wording<V, O, N, G>,
): MachineEdge<O | N, G> {
  return {
    ...(edge.to === edge.from ? {} : { target: edge.to }),
    ...(edge.when === undefined ? {} : { guard: wording.condition(edge.when.name) }),
    actions: [
      ...(edge.note === undefined ? [] : [wording.note(edge.note)]),
      ...(edge.order === undefined ? [] : [wording.order(edge.order)]),
    ],
    description: edge.sentence,
  };
}
