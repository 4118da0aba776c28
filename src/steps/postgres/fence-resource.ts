import { faultLocator, faultScene } from "../../drills/fault-ref.ts";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import type { Resource } from "../../drills/run-event.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import type { JsonObject } from "../../support/json.ts";

/**
 * A fence in the ledger: cleanup asks the nodes, and lets the old primary go and starts it when no other one took its place;
 * otherwise it stays as it is.
 */
export async function planFence(system: SystemSnapshot, node: NodeSpec, ctx: StepContext): Promise<Resource> {
  const title = `fence of ${node.name}`;
  return ctx.ledger.plan({ kind: "fault", title, ttlMs: TTL_MS, locator: fenceLocator(system, node) });
}

/** A run that was given up is cleaned within hours, and `firedrill clean` finds what is older. */
const TTL_MS = 24 * 60 * 60 * 1000;

/** As the locator of a killed primary (`drills/fault-ref.ts`): references to secrets, never secrets. */
function fenceLocator(system: SystemSnapshot, node: NodeSpec): JsonObject {
  return faultLocator({ type: "fence", system: faultScene(system), node: node.name, role: "primary" });
}
