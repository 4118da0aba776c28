import { z } from "zod";
import { faultScene, readFaultRef } from "../../drills/fault-ref.ts";
import { defineStep } from "../../engine/step-contract.ts";
import type { FaultDeps } from "./fault-deps.ts";
import { faultOutputs, inject, reconcileFault } from "./inject.ts";
import { chooseTarget, nodeInput } from "./target.ts";

const uses = "fault/partition";

export function partitionStep(deps: FaultDeps) {
  return defineStep({
    uses,
    summary:
      "Cuts a database server of this machine off the network: packets to and from its port are dropped, not refused.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: z.strictObject({ node: nodeInput }),
    outputs: faultOutputs,
    creates: ["fault"],
    defaultTimeoutMs: 60_000,
    needsSystem: true,
    async run({ node: wanted }, ctx) {
      const { system, node, role } = await chooseTarget(wanted, ctx, deps);
      const undo = await deps.faults.network.plan(node.endpoint, ctx.runId);
      const fault = {
        ref: { type: "partition", system: faultScene(system), node: node.name, role, undo },
        node: node.name,
        title: `${node.name} cut off the network`,
        pids: [],
        act: () => deps.faults.network.drop(undo, ctx.signal),
      } as const;
      return inject(uses, fault, ctx);
    },
    reconcile: (_input, ctx) =>
      reconcileFault(uses, ctx, async ({ locator }) => {
        const ref = readFaultRef(locator);
        if (ref?.type !== "partition") return { unknown: "the step's note names no partition" };
        return (await deps.faults.network.dropped(ref.undo, ctx.signal)) ? "in_force" : "not_in_force";
      }),
  });
}
