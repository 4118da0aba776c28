import { z } from "zod";
import { faultScene } from "../../drills/fault-ref.ts";
import { defineStep, type StepContext } from "../../engine/step-contract.ts";
import type { FaultDeps } from "./fault-deps.ts";
import type { FaultNote } from "./fault-note.ts";
import { type Aftermath, faultOutputs, inject, reconcileFault } from "./inject.ts";
import { chooseTarget, nodeInput } from "./target.ts";

const uses = "fault/kill";

export function killStep(deps: FaultDeps) {
  return defineStep({
    uses,
    summary: "Kills a database server of this machine with SIGKILL, all its processes at once.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: z.strictObject({
      node: nodeInput,
      supervisor: z
        .boolean()
        .default(false)
        .describe(
          "Kills what keeps the server running first (`supervisorPidFile` of the node), as a machine that dies does.",
        ),
    }),
    outputs: faultOutputs,
    creates: ["fault"],
    defaultTimeoutMs: 60_000,
    needsSystem: true,
    async run({ node: wanted, supervisor }, ctx) {
      const { system, node, role } = await chooseTarget(wanted, ctx, deps);
      const { pids } = await deps.control.processes(node, supervisor);
      const fault = {
        ref: { type: "kill", system: faultScene(system), node: node.name, role, supervisor },
        node: node.name,
        title: `${node.name} killed`,
        pids,
        async act() {
          const { begun, done, processes } = await deps.control.kill(node, { supervisor }, ctx.signal);
          return { begun, done, detail: `SIGKILL to ${processes} processes` };
        },
      } as const;
      return inject(uses, fault, ctx);
    },
    reconcile: (_input, ctx) => reconcileFault(uses, ctx, (note) => afterKill(note, ctx, deps)),
  });
}

/** Started again by its supervisor it has other processes: the ones that were to die tell. */
async function afterKill(
  { node: name, pids }: FaultNote,
  { system }: StepContext,
  deps: FaultDeps,
): Promise<Aftermath> {
  const node = system?.nodes.find((one) => one.name === name);
  if (node === undefined) return { unknown: `the system has no node ${name} any more` };
  const now = new Set((await deps.control.processes(node, false)).pids);
  // The postmaster comes first, and its death is the server's.
  const [postmaster] = pids;
  return postmaster !== undefined && !now.has(postmaster) ? "in_force" : "not_in_force";
}
