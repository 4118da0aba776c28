import { z } from "zod";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type StepContext } from "../../engine/step-contract.ts";
import type { JsonObject } from "../../support/json.ts";
import type { NodeControl } from "../ports/node-control.ts";
import type { Rebuilder, Rebuilt } from "../ports/rebuild.ts";
import type { NodeView, Replication } from "../ports/replication.ts";
import { listed } from "./listed.ts";
import { requireOwnData } from "./require-own-data.ts";
import { nodeNamed, systemOf } from "./system-nodes.ts";

export interface RebuildDeps {
  readonly replication: Replication;
  readonly control: NodeControl;
  readonly rebuilder: Rebuilder;
}

const input = z.strictObject({
  node: z
    .string()
    .min(1)
    .default("old-primary")
    .describe("Which one; `old-primary`: the one node that neither is the primary nor streams."),
  method: z
    .enum(["auto", "pg_rewind", "base_copy"])
    .default("auto")
    .describe(
      "`auto`: it just follows when it has nothing of its own, else pg_rewind where it can, else a new base copy.",
    ),
  discardDivergent: z
    .boolean()
    .default(false)
    .describe("Delete what only the old server has, instead of keeping it beside its data directory."),
});
type Input = z.output<typeof input>;

const outputs = z.object({
  node: z.string(),
  method: z.enum(["pg_rewind", "base_copy", "followed"]),
  reason: z.string(),
  bytes: z.int().nullable(),
  kept: z.string().nullable().describe("Folder with what only the old server had."),
});

/** `postgres/rebuild`: makes an old primary, or a standby that lost its way, a standby of the present primary. */
export function rebuildStep(deps: RebuildDeps) {
  return defineStep({
    uses: "postgres/rebuild",
    summary:
      "Makes an old primary a standby of the present one: it follows, or is rewound, or copied anew; ends when it streams.",
    role: "action",
    effect: "disruptive",
    idempotent: true,
    with: input,
    outputs,
    creates: ["backup-directory"],
    needsSystem: true,
    async run(wish, ctx) {
      const system = systemOf(ctx);
      const views = await deps.replication.observe(system, system.nodes, {
        timeoutMs: LOOK_TIMEOUT_MS,
        signal: ctx.signal,
      });
      const primary = onePrimary(views);
      const node = wish.node === "old-primary" ? outOfStep(views, primary) : nodeNamed(system, wish.node);
      const view = views.find((one) => one.node.name === node.name) ?? null;
      await requireOwnData(deps, system, node, { view, signal: ctx.signal });
      await ctx.requireCurrent();
      const { method, reason, bytes, kept, streaming } = await rebuildAs(deps, { system, node, primary }, wish, ctx);
      await ctx.fact({ kind: "rebuild", node: node.name, method, reason, bytes, kept, streaming });
      return { kind: "done", outputs: { node: node.name, method, reason, bytes, kept } };
    },
  });
}

const LOOK_TIMEOUT_MS = 2000;
const TTL_MS = 24 * 60 * 60 * 1000;

export interface RebuildWhom {
  readonly system: SystemSnapshot;
  readonly node: NodeSpec;
  readonly primary: NodeSpec;
}

/** A copy of production is in the ledger before its first byte. */
export function rebuildAs(
  { rebuilder }: Pick<RebuildDeps, "rebuilder">,
  whom: RebuildWhom,
  { method, discardDivergent }: Pick<Input, "method" | "discardDivergent">,
  ctx: StepContext,
): Promise<Rebuilt> {
  const owner = {
    installation: ctx.installation,
    run: ctx.runId,
    step: ctx.stepId,
    token: `${ctx.idempotencyKey}/${ctx.epoch}`,
  };
  const beforeCopy = async (locator: JsonObject): Promise<void> => {
    const title = `base copy for ${whom.node.name}`;
    const { id } = await ctx.ledger.plan({ kind: "backup-directory", title, ttlMs: TTL_MS, locator });
    await ctx.ledger.created(id, locator);
  };
  const watch = { signal: ctx.signal, progress: ctx.progress.bind(ctx) };
  return rebuilder.rebuild({ ...whom, method, discardDivergent, owner, beforeCopy }, watch);
}

/** Throws `REBUILD_NO_PRIMARY`. */
function onePrimary(views: readonly NodeView[]): NodeSpec {
  const [primary, ...more] = views.filter((view) => view.kind === "primary");
  if (primary !== undefined && more.length === 0) return primary.node;
  const said = listed(views.map((view) => `${view.node.name} ${view.kind}`));
  throw new StepError("permanent", "REBUILD_NO_PRIMARY", `there is not exactly one primary to follow: ${said}`, {
    hint: primary === undefined ? "promote one first: postgres/promote" : "fence the old one first: postgres/fence",
  });
}

/** Asked, not remembered: who was the primary changes in a run that switches back. Throws `REBUILD_WHICH`. */
function outOfStep(views: readonly NodeView[], primary: NodeSpec): NodeSpec {
  const others = views.filter(({ node }) => node.name !== primary.name);
  const broken = others.filter((view) => view.kind !== "standby" || view.receiver?.status !== "streaming");
  // After a crash of ours it may stream already; with two nodes there is no doubt which one was meant.
  const [found, ...more] = broken.length === 0 && others.length === 1 ? others : broken;
  if (found !== undefined && more.length === 0) return found.node;
  const names = broken.map(({ node }) => node.name).join(", ");
  throw new StepError(
    "permanent",
    "REBUILD_WHICH",
    broken.length === 0 ? "every node streams: there is none to rebuild" : `${names} do not stream: which one?`,
    { hint: "name it: `node:`" },
  );
}
