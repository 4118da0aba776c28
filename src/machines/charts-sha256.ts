import { sha256OfJson } from "../support/canonical-json.ts";
import type { JsonValue } from "../support/json.ts";
import type { CompiledPlan } from "./compile-plan.ts";
import type { ChartTable } from "./edges.ts";

/**
 * Raised by hand when the same records, folded through the same tables, lead to another state: a condition, the release of steps, what
 * the engine remembers. The golden journals go red then (test/golden/journals).
 */
const FOLD = 1;

/** Identity of a plan's charts: of their tables without the sentences for people. */
export function chartsSha256({ drill, charts }: CompiledPlan): string {
  return sha256OfJson({
    fold: FOLD,
    drill: bare(drill.table),
    steps: [...charts.values()].map(({ table }) => bare(table)),
  });
}

function bare({ name, initial, states, edges }: ChartTable): JsonValue {
  return {
    name,
    initial,
    states: states.map((state) => ({ name: state.name, orders: state.orders, final: state.final })),
    edges: edges.map(({ from, event, when, to, note, order }) => [
      from,
      event,
      when?.name ?? null,
      to,
      note ?? null,
      order ?? null,
    ]),
  };
}
