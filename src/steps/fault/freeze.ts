import { z } from "zod";
import { faultScene } from "../../drills/fault-ref.ts";
import { defineStep } from "../../engine/step-contract.ts";
import type { FaultDeps } from "./fault-deps.ts";
import { faultOutputs, inject, reconcileFault } from "./inject.ts";
import { chooseTarget, nodeInput } from "./target.ts";

const uses = "fault/freeze";

export function freezeStep(deps: FaultDeps) {
  return defineStep({
    uses,
    summary: "Freezes a database server of this machine with SIGSTOP: it takes connections and never answers.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: z.strictObject({
      node: nodeInput,
      supervisor: z
        .boolean()
        .default(false)
        .describe("Freezes what keeps the server running too (`supervisorPidFile` of the node)."),
    }),
    outputs: faultOutputs,
    creates: ["fault"],
    defaultTimeoutMs: 60_000,
    needsSystem: true,
    async run({ node: wanted, supervisor }, ctx) {
      const { system, node, role } = await chooseTarget(wanted, ctx, deps);
      const { pids } = await deps.control.processes(node, supervisor);
      const fault = {
        ref: { type: "freeze", system: faultScene(system), node: node.name, role, supervisor },
        node: node.name,
        title: `${node.name} frozen`,
        pids,
        async act() {
          const { begun, done, processes } = await deps.control.freeze(node, { supervisor }, ctx.signal);
          return { begun, done, detail: `SIGSTOP to ${processes} processes` };
        },
      } as const;
      return inject(uses, fault, ctx);
    },
    // A freeze that stopped in the middle is completed: what stands still already stays so.
    reconcile: (_input, ctx) => reconcileFault(uses, ctx, async () => "not_in_force"),
  });
}
