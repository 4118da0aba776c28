import { z } from "zod";
import { StepError } from "../drills/step-error.ts";
import type { ResourceKeeper } from "../engine/step-contract.ts";
import type { JsonObject } from "../support/json.ts";
import { endProcesses } from "./end-processes.ts";
import { findMarked, type TrafficName } from "./marked-processes.ts";

/** At cleanup nobody needs the last answers. */
const POLITE_MS = 1500;

/** Ends writers and probers, also those no ledger knows. A living run keeps its own by its lock, not by an owner's name. */
export function trafficProcessKeeper(): ResourceKeeper {
  return {
    kind: "traffic-process",
    async list(installation) {
      const names = new Map<string, TrafficName>();
      for (const { run, id } of findMarked({ installation })) names.set(`${run}/${id}`, { installation, run, id });
      return [...names.values()].map((name) => ({
        run: name.run,
        title: `writers and prober ${name.id}`,
        locator: { ...name },
        ownerAlive: false,
      }));
    },
    destroy: async (locator, signal) => endProcesses(readLocator(locator), POLITE_MS, signal),
    async verifyGone(locator) {
      const name = readLocator(locator);
      const found = findMarked(name);
      const how = `/proc: ${found.length} processes bear the marker ${name.installation}/${name.run}/${name.id}`;
      return { gone: found.length === 0, how };
    },
  };
}

const part = z
  .string()
  .min(1)
  .regex(/^[^/\0]+$/u);
const locatorSchema = z.object({ installation: part, run: part, id: part });

function readLocator(locator: JsonObject): TrafficName {
  const read = locatorSchema.safeParse(locator);
  if (read.success) return read.data;
  const message = `the ledger names no traffic: ${JSON.stringify(locator)}`;
  throw new StepError("permanent", "TRAFFIC_LOCATOR", message, { hint: "no process was ended" });
}
