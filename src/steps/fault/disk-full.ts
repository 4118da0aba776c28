import { join } from "node:path";
import { z } from "zod";
import { faultScene } from "../../drills/fault-ref.ts";
import { defineStep, type StepContext } from "../../engine/step-contract.ts";
import { sizeBytes } from "../../support/size.ts";
import type { FaultDeps } from "./fault-deps.ts";
import { faultOutputs, inject, reconcileFault } from "./inject.ts";
import { chooseTarget, nodeInput, type Target } from "./target.ts";

const uses = "fault/disk-full";

export function diskFullStep(deps: FaultDeps) {
  return defineStep({
    uses,
    summary: "Fills the file system of a database server of this machine, one that nothing else needs.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: z.strictObject({
      node: nodeInput,
      volume: z
        .enum(["data", "wal"])
        .default("data")
        .describe("Which file system: the one of the data directory, or of its `pg_wal`."),
      leave: sizeBytes().prefault("0B").describe("Room that is left."),
      max: sizeBytes().prefault("8GB").describe("Refused when more would have to be written."),
    }),
    outputs: faultOutputs,
    creates: ["fault"],
    defaultTimeoutMs: 600_000,
    needsSystem: true,
    async run({ node: wanted, volume, leave, max }, ctx) {
      const target = await chooseTarget(wanted, ctx, deps);
      const { system, node, role } = target;
      const dir = join(node.dataDir ?? "/", volume === "wal" ? "pg_wal" : "");
      const undo = await deps.faults.disk.plan(dir, leave, max, { run: ctx.runId, needed: others(target, ctx) });
      const fault = {
        ref: { type: "disk-full", system: faultScene(system), node: node.name, role, undo },
        node: node.name,
        title: `file system of ${node.name} filled`,
        pids: [],
        act: () => deps.faults.disk.fill(undo, ctx.signal),
      } as const;
      return inject(uses, fault, ctx);
    },
    // Filled in part: a second ballast takes the rest, and both are in the ledger.
    reconcile: (_input, ctx) => reconcileFault(uses, ctx, async () => "not_in_force"),
  });
}

function others({ system, node }: Target, { runDir }: StepContext): readonly string[] {
  const dirs = system.nodes.filter(({ name }) => name !== node.name).map(({ dataDir }) => dataDir);
  return [runDir, ...dirs.filter((dir) => dir !== null).flatMap((dir) => [dir, join(dir, "pg_wal")])];
}
