import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";

/** The system under drill, with the servers the inventory gives it. Throws `SYSTEM_NO_NODES`. */
export function systemOf({ system }: StepContext): SystemSnapshot {
  if (system !== null && system.nodes.length > 0) return system;
  throw new StepError("permanent", "SYSTEM_NO_NODES", "there is no system with servers to act on", {
    hint: "run with --system, and give the system `nodes:` or `endpoints:` in the inventory",
  });
}

/** Throws `NODE_UNKNOWN`. */
export function nodeNamed({ name: system, nodes }: SystemSnapshot, name: string): NodeSpec {
  const node = nodes.find((candidate) => candidate.name === name);
  if (node !== undefined) return node;
  const known = nodes.map((candidate) => candidate.name).join(", ");
  throw new StepError("permanent", "NODE_UNKNOWN", `system ${system} has no node ${JSON.stringify(name)}`, {
    hint: `its nodes are ${known}`,
  });
}

/** The node that was the primary when replication was looked at last. Throws `OLD_PRIMARY_UNKNOWN`. */
export function oldPrimary(system: SystemSnapshot, ctx: StepContext): NodeSpec {
  const name = ctx.replication()?.primary ?? null;
  if (name !== null) return nodeNamed(system, name);
  throw new StepError("permanent", "OLD_PRIMARY_UNKNOWN", "nobody has looked which node was the primary", {
    hint: "put postgres/replica-status into `prepare`, or name the node",
  });
}
