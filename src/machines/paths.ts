import type { ChartTable, Edge } from "./edges.ts";

/** The edges walked, in order. */
export type Path = readonly Edge[];

export interface Walk {
  /** A state that may not be entered. */
  readonly without?: string;
  /** Only edges for which this holds are walked. */
  readonly along?: (edge: Edge) => boolean;
}

/** Every state that can be reached from a state, itself included, each with a shortest path (breadth first). */
export function shortestPaths(table: ChartTable, from: string, walk: Walk = {}): ReadonlyMap<string, Path> {
  const paths = new Map<string, Path>([[from, []]]);
  for (const [state, path] of paths) {
    for (const edge of table.edges) {
      if (edge.from !== state || edge.to === walk.without || paths.has(edge.to)) continue;
      if (walk.along?.(edge) ?? true) paths.set(edge.to, [...path, edge]);
    }
  }
  return paths;
}

/** A shortest way out of a state and back into it. */
export function shortestRound(table: ChartTable, state: string, walk: Walk = {}): Path | undefined {
  const rounds = table.edges
    .filter((edge) => edge.from === state && edge.to !== state && edge.to !== walk.without)
    .flatMap((edge) => {
      const back = shortestPaths(table, edge.to, walk).get(state);
      return back === undefined ? [] : [[edge, ...back]];
    });
  return rounds.toSorted((a, b) => a.length - b.length)[0];
}
