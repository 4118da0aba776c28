import { z } from "zod";
import { faultScene, readFaultRef } from "../../drills/fault-ref.ts";
import { nodeDatabase } from "../../drills/node-database.ts";
import { defineStep, type StepContext } from "../../engine/step-contract.ts";
import type { JsonObject } from "../../support/json.ts";
import type { NodeView } from "../ports/replication.ts";
import type { Injected } from "../ports/system-faults.ts";
import type { FaultDeps } from "./fault-deps.ts";
import { type Aftermath, faultOutputs, inject, reconcileFault } from "./inject.ts";
import type { FaultNote } from "./fault-note.ts";
import { askSystem, named, noTarget, seen } from "./target.ts";

const uses = "fault/replication-cut";

export function replicationCutStep(deps: FaultDeps) {
  return defineStep({
    uses,
    summary:
      "Lets standbys receive nothing any more, so that a disaster that follows loses what is committed from here on.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: z.strictObject({
      standby: z
        .string()
        .min(1)
        .default("all")
        .describe("A node's name in the inventory, or `all` that are standbys right before."),
    }),
    outputs: faultOutputs,
    creates: ["fault"],
    defaultTimeoutMs: 60_000,
    needsSystem: true,
    async run({ standby }, ctx) {
      const { system, views } = await askSystem(ctx, deps);
      const standbys = choose(standby, views).map(({ node }) => node);
      const cuts: { node: string; undo: JsonObject }[] = [];
      for (const node of standbys) {
        const { locator, archive } = await deps.faults.replication.plan(
          nodeDatabase(system, node),
          ctx.runId,
          ctx.signal,
        );
        if (archive) await ctx.deviation("FAULT_ARCHIVE_FEEDS", archiveFeeds(node.name));
        cuts.push({ node: node.name, undo: locator });
      }
      const names = standbys.map(({ name }) => name).join(", ");
      const fault = {
        ref: { type: "replication-cut", system: faultScene(system), cuts },
        node: names,
        title: `replication to ${names} cut`,
        pids: [],
        act: () => cutAll(cuts, ctx, deps),
      } as const;
      return inject(uses, fault, ctx);
    },
    reconcile: (_input, ctx) => reconcileFault(uses, ctx, (note) => afterCut(note, ctx, deps)),
  });
}

function choose(wanted: string, views: readonly NodeView[]): readonly NodeView[] {
  const chosen = wanted === "all" ? views.filter(({ kind }) => kind === "standby") : [named(wanted, views)];
  if (chosen.length > 0 && chosen.every(({ kind }) => kind === "standby")) return chosen;
  throw noTarget(`there is no standby to cut off: ${seen(views)}`, "a drill begins with a healthy system");
}

/** All at once: the one that is cut last tells when the cut is whole. */
async function cutAll(
  cuts: readonly { readonly node: string; readonly undo: JsonObject }[],
  ctx: StepContext,
  deps: FaultDeps,
): Promise<Injected> {
  // Each has ended before the step does, whichever failed.
  const ended = await Promise.allSettled(cuts.map(({ undo }) => deps.faults.replication.cut(undo, ctx.signal)));
  const all: Injected[] = [];
  for (const one of ended) {
    if (one.status === "rejected") throw one.reason;
    all.push(one.value);
  }
  const [begun] = all.map((one) => one.begun).toSorted((a, b) => a.monoUs - b.monoUs);
  const done = all
    .map((one) => one.done)
    .toSorted((a, b) => a.monoUs - b.monoUs)
    .at(-1);
  if (begun === undefined || done === undefined) throw noTarget("there is no standby to cut off", "see the inventory");
  return { begun, done, detail: all.map(({ detail }, index) => `${cuts[index]?.node ?? ""} ${detail}`).join("; ") };
}

async function afterCut({ locator }: FaultNote, { signal }: StepContext, deps: FaultDeps): Promise<Aftermath> {
  const ref = readFaultRef(locator);
  if (ref?.type !== "replication-cut") return { unknown: "the step's note names no cut" };
  const answers = await Promise.all(ref.cuts.map(({ undo }) => deps.faults.replication.isCut(undo, signal)));
  return answers.every(Boolean) ? "in_force" : "not_in_force";
}

function archiveFeeds(name: string): string {
  return `${name} has a restore_command: it goes on receiving what is archived, so the loss is smaller than the time of the cut.`;
}
