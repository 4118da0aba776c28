import type { SystemSnapshot } from "../drills/inventory.ts";
import type { StopCondition, StopReading } from "../drills/stop-condition.ts";
import { lookByHttp } from "./look-by-http.ts";
import { lookByPrometheus } from "./look-by-prometheus.ts";
import { lookBySql, type SqlDeps } from "./look-by-sql.ts";

/** The engine's port, which drivers do not import: `evaluate` looks once, and says `unknown` when nothing can be told. */
export interface StopLooker {
  evaluate(condition: StopCondition, system: SystemSnapshot | null, signal: AbortSignal): Promise<StopReading>;
}

export function createStopProbe(deps: SqlDeps): StopLooker {
  return {
    async evaluate({ look, timeoutMs }, system, signal) {
      switch (look.kind) {
        case "sql":
          return lookBySql({ query: look.query, expect: look.expect, timeoutMs }, system, deps, signal);
        case "http":
          return lookByHttp(look.url, look.status, signal);
        case "prometheus":
          return lookByPrometheus(look, signal);
        default:
          return look satisfies never;
      }
    },
  };
}
