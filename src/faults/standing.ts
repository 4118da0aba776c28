import { type FaultRef, faultSystem, type NodeFaultRef } from "../drills/fault-ref.ts";
import type { NodeSpec } from "../drills/inventory.ts";
import { StepError } from "../drills/step-error.ts";
import type { NodeControl } from "../steps/ports/node-control.ts";
import type { NodeView, Replication } from "../steps/ports/replication.ts";

export interface StandingDeps {
  readonly control: NodeControl;
  readonly replication: Pick<Replication, "observe" | "observeSettled">;
}

/** May a node that was broken be set free? */
export type Standing =
  /** Nobody took its place, or it is a standby: it does no harm. */
  | { readonly kind: "free"; readonly why: string }
  /** Another server is the primary: set free it would be a second one. */
  | { readonly kind: "superseded"; readonly by: string }
  | { readonly kind: "unknown"; readonly why: string };

const OBSERVE_MS = 3000;
/** A standby that is being promoted replays first what it has received. */
const SETTLE_MS = 30_000;

/**
 * Asks every server of the system. What does not answer may be the new primary, so it decides nothing, unless it is on this
 * machine and does not run.
 */
export async function standingOf(ref: NodeFaultRef, deps: StandingDeps, signal: AbortSignal): Promise<Standing> {
  const system = faultSystem(ref);
  const options = { timeoutMs: OBSERVE_MS, settleMs: SETTLE_MS, signal };
  const { views, promoting } = await deps.replication.observeSettled(system, system.nodes, options);
  const others = promoting.filter((name) => name !== ref.node);
  if (others.length > 0) return { kind: "unknown", why: `${others.join(", ")} may be on the way to be the primary` };
  const down = new Set<string>();
  for (const { kind, node } of views) {
    if (kind === "unreachable" && node.name !== ref.node && (await isDown(node, deps))) down.add(node.name);
  }
  const standing = judge(ref, views, down);
  const by = standing.kind === "free" && ref.role !== "standby" ? await newerBesides(ref, views, down, deps) : null;
  return by === null ? standing : { kind: "superseded", by };
}

/** One that is down as well and was the primary after it: its history goes on where this one's ends. */
async function newerBesides(
  ref: NodeFaultRef,
  views: readonly NodeView[],
  down: ReadonlySet<string>,
  { control }: StandingDeps,
): Promise<string | null> {
  const own = views.find(({ node }) => node.name === ref.node);
  if (own === undefined || own.kind === "standby" || own.node.dataDir === null) return null;
  const timeline = await control.timeline(own.node);
  for (const { node } of views)
    if (down.has(node.name) && !(await control.heldBack(node)) && (await control.timeline(node)) > timeline)
      return node.name;
  return null;
}

export function judge(ref: NodeFaultRef, views: readonly NodeView[], down: ReadonlySet<string>): Standing {
  const own = views.find(({ node }) => node.name === ref.node);
  const others = views.filter((view) => view !== own);
  if (own?.kind === "standby") return { kind: "free", why: `${ref.node} is a standby` };
  // A broken standby does not become a primary by itself.
  if (own?.kind !== "primary" && ref.role === "standby") return { kind: "free", why: `${ref.node} was a standby` };
  const successor = others.find((view) => view.kind === "primary");
  if (successor?.kind === "primary") {
    // Both answer as primaries: the newer timeline is the one that was promoted.
    if (own?.kind !== "primary" || successor.timeline > own.timeline)
      return { kind: "superseded", by: successor.node.name };
    return {
      kind: "unknown",
      why: `${ref.node} and ${successor.node.name} are both primaries, and ${ref.node} is not the older`,
    };
  }
  const silent = others.filter((view) => view.kind === "unreachable" && !down.has(view.node.name));
  if (silent.length > 0) {
    const said = silent
      .map((view) => `${view.node.name}: ${view.kind === "unreachable" ? view.reason : ""}`)
      .join("; ");
    return { kind: "unknown", why: `it cannot be told whether another server is the primary by now (${said})` };
  }
  return { kind: "free", why: "no other server of the system is a primary" };
}

export async function observeAll(ref: FaultRef, deps: StandingDeps, signal: AbortSignal): Promise<readonly NodeView[]> {
  const system = faultSystem(ref);
  return deps.replication.observe(system, system.nodes, { timeoutMs: OBSERVE_MS, signal });
}

async function isDown(node: NodeSpec, { control }: StandingDeps): Promise<boolean> {
  if (node.dataDir === null) return false;
  return !(await control.running(node).catch(() => true));
}

export function undecided(ref: NodeFaultRef, why: string): StepError {
  return new StepError("transient", "FAULT_UNDECIDED", `the ${ref.type} of ${ref.node} stays as it is: ${why}`, {
    hint: "set free it might be a second primary; see which server is the primary, then undo it by hand (docs/faults.md)",
    details: { node: ref.node },
  });
}
