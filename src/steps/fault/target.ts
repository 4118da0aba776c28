import { z } from "zod";
import type { NodeFaultRef } from "../../drills/fault-ref.ts";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import { StepError } from "../../drills/step-error.ts";
import type { StepContext } from "../../engine/step-contract.ts";
import type { NodeView } from "../ports/replication.ts";
import { requireOwnData } from "../postgres/require-own-data.ts";
import type { FaultDeps } from "./fault-deps.ts";

export const nodeInput = z
  .string()
  .min(1)
  .default("primary")
  .describe("Which server: a node's name in the inventory, or `primary`: the one that is it right before.");

export interface Target {
  readonly system: SystemSnapshot;
  readonly node: NodeSpec;
  readonly role: NodeFaultRef["role"];
}

const OBSERVE_MS = 2000;

/** Throws `FAULT_NO_TARGET`, `NODE_MISMATCH`; `NODE_NOT_LOCAL` when this machine does not run it. */
export async function chooseTarget(wanted: string, ctx: StepContext, deps: FaultDeps): Promise<Target> {
  const { system, views } = await askSystem(ctx, deps);
  const view = wanted === "primary" ? onlyPrimary(views) : named(wanted, views);
  const { node } = view;
  if (node.dataDir === null) throw notLocal(node);
  await requireOwnData(deps, system, node, { view, signal: ctx.signal });
  return { system, node, role: view.kind === "unreachable" ? "unknown" : view.kind };
}

export async function askSystem(
  { system, signal }: StepContext,
  { replication }: FaultDeps,
): Promise<{ readonly system: SystemSnapshot; readonly views: readonly NodeView[] }> {
  if (system === null) throw noTarget("no system was chosen", "run with --system");
  const views = await replication.observe(system, system.nodes, { timeoutMs: OBSERVE_MS, signal });
  signal.throwIfAborted();
  return { system, views };
}

function onlyPrimary(views: readonly NodeView[]): NodeView {
  const [primary, second] = views.filter(({ kind }) => kind === "primary");
  if (primary !== undefined && second === undefined) return primary;
  const found =
    primary === undefined ? "no server answers as the primary" : "more than one server answers as the primary";
  throw noTarget(`${found}: ${seen(views)}`, "a drill begins with a healthy system; name the node when it is meant so");
}

export function named(name: string, views: readonly NodeView[]): NodeView {
  const view = views.find(({ node }) => node.name === name);
  if (view !== undefined) return view;
  throw noTarget(`the system has no node ${name}: ${seen(views)}`, "use a name of `nodes:` in the inventory");
}

export function seen(views: readonly NodeView[]): string {
  const each = views.map((view) => {
    const why = view.kind === "unreachable" ? ` (${view.reason})` : "";
    return `${view.node.name} is ${view.kind}${why}`;
  });
  return each.length === 0 ? "the inventory names no servers" : each.join(", ");
}

export function noTarget(message: string, hint: string): StepError {
  return new StepError("permanent", "FAULT_NO_TARGET", message, { hint });
}

function notLocal({ name }: NodeSpec): StepError {
  return new StepError(
    "permanent",
    "NODE_NOT_LOCAL",
    `${name} does not run on this machine as far as the inventory says`,
    {
      hint: "set its `dataDir` when it does, else break it with command/run and your own tool (ssh, a cloud's API)",
      details: { node: name },
    },
  );
}
