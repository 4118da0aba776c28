import { createHash } from "node:crypto";
import { join } from "node:path";
import type { PlannedTraffic, TrafficRequest } from "../steps/ports/traffic.ts";

/** One schema for the canaries of all runs, so that an administrator can make it beforehand. */
export const CANARY_SCHEMA = "firedrill_canary";

/** Says that the schema is ours to drop when its last table goes. Text of `comment on schema`. */
export const SCHEMA_COMMENT = "Firedrill canary v1: made by firedrill, dropped with its last table";

/** What locators may name: nothing else is ever dropped. */
export const TABLE_NAME = /^canary_[0-9a-f]{12}$/u;

export const probeTable = (table: string): string => `${table}_probe`;

/** Always the same for one step of one run: an attempt after a crash finds what the one before it began. */
export function planTraffic(request: TrafficRequest): PlannedTraffic {
  const { installation, runId, runDir, step, path } = request;
  const id = createHash("sha256")
    .update(JSON.stringify([installation, runId, step]))
    .digest("hex")
    .slice(0, 12);
  const table = `canary_${id}`;
  return {
    ...request,
    id,
    dir: join(runDir, `traffic-${id}`),
    schema: CANARY_SCHEMA,
    table,
    locators: {
      processes: { installation, run: runId, id },
      table: { schema: CANARY_SCHEMA, table, path: { ...path, hosts: path.hosts.map((host) => ({ ...host })) } },
    },
  };
}
