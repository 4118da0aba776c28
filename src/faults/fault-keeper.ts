/**
 * Undoes what was broken on purpose, and proves it undone.
 *
 * Owns: what becomes of a server that was broken. Does not: know how a fault is put in (steps), or in which order they are
 * undone (the ledger: last planned, first removed).
 *
 * Invariants
 *  F1  A server that may be a second primary is never set free: where another one is the primary it is stopped and held back
 *      before the fault around it is lifted; where that cannot be told nothing is touched.
 *  F2  Nothing is proven by having been done: each proof asks the server, the file system or the packet filter.
 *  F3  Under Patroni it is Patroni that decides what the server becomes; we only give it back. What merely restarts a server knows of
 *      no other one: F1 holds.
 */
import { type NodeFaultRef, type FaultRef, readFaultRef } from "../drills/fault-ref.ts";
import type { NodeSpec } from "../drills/inventory.ts";
import { StepError } from "../drills/step-error.ts";
import type { ResourceKeeper } from "../engine/step-contract.ts";
import type { NodeView } from "../steps/ports/replication.ts";
import type { JsonObject } from "../support/json.ts";
import { noFault } from "./fault-errors.ts";
import { cutsGone, undoCuts } from "./cut-keeper.ts";
import { judge, observeAll, type StandingDeps, standingOf, undecided } from "./standing.ts";
import type { UndoableFaults } from "./system-faults.ts";

export interface FaultKeeperDeps extends StandingDeps {
  readonly faults: UndoableFaults;
}

/** Starting a server after a crash takes as long as its recovery. */
const START_MS = 600_000;

export function faultKeeper(deps: FaultKeeperDeps): ResourceKeeper {
  return {
    kind: "fault",
    // A frozen or killed server bears no mark of ours, and a file's place is in the ledger only.
    async list(_installation, signal) {
      const found = await deps.faults.undo.network.list(signal);
      return found.map(({ run, id, tool }) => ({
        run,
        title: `${tool} ${id}`,
        locator: { type: "unledgered", tool, id },
        ownerAlive: false,
      }));
    },
    async destroy(locator, signal) {
      const ref = requireRef(locator);
      if (ref.type === "replication-cut") await undoCuts(ref, deps, signal);
      else await undoOnNode(ref, deps, signal);
    },
    async verifyGone(locator, signal) {
      const ref = requireRef(locator);
      return ref.type === "replication-cut" ? cutsGone(ref, deps, signal) : goneOnNode(ref, deps, signal);
    },
  };
}

function requireRef(locator: JsonObject): FaultRef {
  const ref = readFaultRef(locator);
  if (ref !== null) return ref;
  const { type, tool, id } = locator;
  if (type !== "unledgered" || typeof tool !== "string" || typeof id !== "string") throw noFault(locator);
  throw new StepError(
    "permanent",
    "FAULT_UNDECIDED",
    `${tool} ${id} stands in no ledger: it is not known which server it cuts off`,
    {
      hint: "make sure that no server behind it would be a second primary, then remove it by hand (docs/faults.md)",
    },
  );
}

async function undoOnNode(ref: NodeFaultRef, deps: FaultKeeperDeps, signal: AbortSignal): Promise<void> {
  const node = nodeOf(ref);
  if (node.patroni !== null) return giveBack(ref, node, deps, signal); // F3
  const standing = await standingOf(ref, deps, signal);
  if (standing.kind === "unknown") throw undecided(ref, standing.why); // F1
  if (standing.kind === "superseded") return putAway(ref, node, deps, signal); // F1
  await lift(ref, node, deps, signal);
  await bringBack(ref, node, deps, signal);
}

/** Not in order: its clients have a new primary, and a frozen one could not anyway. */
async function putAway(ref: NodeFaultRef, node: NodeSpec, deps: FaultKeeperDeps, signal: AbortSignal): Promise<void> {
  const { control } = deps;
  // Before it is stopped: whatever starts it again at once gets a standby. A full disk takes no file.
  if (ref.type !== "disk-full") await control.holdBack(node);
  await control.stop(node, "immediate", 0, signal);
  await lift(ref, node, deps, signal);
  await control.holdBack(node);
}

async function lift(ref: NodeFaultRef, node: NodeSpec, deps: FaultKeeperDeps, signal: AbortSignal): Promise<void> {
  switch (ref.type) {
    case "kill":
    case "fence":
      return;
    case "freeze":
      return deps.control.thaw(node);
    case "partition":
      return deps.faults.undo.network.undo(ref.undo, signal);
    case "disk-full":
      return deps.faults.undo.disk.undo(ref.undo, signal);
    default:
      return ref satisfies never;
  }
}

/** A server that a full disk brought down starts again once there is room. */
async function bringBack(
  ref: NodeFaultRef,
  node: NodeSpec,
  { control }: FaultKeeperDeps,
  signal: AbortSignal,
): Promise<void> {
  if (ref.type === "fence") await control.letGo(node);
  if (ref.type !== "kill" && ref.type !== "disk-full" && ref.type !== "fence") return;
  if (await control.running(node)) return;
  await control.start(node, AbortSignal.any([signal, AbortSignal.timeout(START_MS)]));
}

async function giveBack(ref: NodeFaultRef, node: NodeSpec, deps: FaultKeeperDeps, signal: AbortSignal): Promise<void> {
  const standing = await standingOf(ref, deps, signal);
  if (ref.type === "freeze" && standing.kind !== "free" && (await deps.control.frozen(node))) {
    // The supervisor would wake up beside a server that still believes itself the primary.
    await deps.control.kill(node, { supervisor: false }, signal);
  }
  await lift(ref, node, deps, signal);
  if (ref.type === "fence" && standing.kind === "free") await deps.control.letGo(node);
  if (node.start !== null) await deps.control.start(node, AbortSignal.any([signal, AbortSignal.timeout(START_MS)]));
}

async function goneOnNode(ref: NodeFaultRef, deps: FaultKeeperDeps, signal: AbortSignal) {
  const node = nodeOf(ref);
  const views = await observeAll(ref, deps, signal);
  const fault = await faultGone(ref, node, views, deps, signal);
  const primaries = views.filter(({ kind }) => kind === "primary").map((view) => view.node.name);
  const said = views.map((view) => `${view.node.name} ${view.kind}`).join(", ");
  return { gone: fault.gone && primaries.length <= 1, how: `${fault.how}; asked: ${said}` };
}

async function faultGone(
  ref: NodeFaultRef,
  node: NodeSpec,
  views: readonly NodeView[],
  deps: FaultKeeperDeps,
  signal: AbortSignal,
) {
  const { control, faults } = deps;
  switch (ref.type) {
    case "kill":
    case "fence": {
      const running = await control.running(node);
      if (running) return { gone: true, how: `/proc: ${node.name} runs` };
      // Left down it may be for one reason only.
      const superseded = judge(ref, views, new Set()).kind === "superseded";
      const held = await control.heldBack(node);
      const how = `/proc: ${node.name} does not run; standby.signal is ${held ? "" : "not "}there`;
      return { gone: held && superseded, how };
    }
    case "freeze": {
      const frozen = await control.frozen(node);
      return { gone: !frozen, how: `/proc: ${frozen ? "processes" : "no process"} of ${node.name} stopped` };
    }
    case "partition":
      return faults.undo.network.verifyGone(ref.undo, signal);
    case "disk-full":
      return faults.undo.disk.verifyGone(ref.undo, signal);
    default:
      return ref satisfies never;
  }
}

function nodeOf(ref: NodeFaultRef): NodeSpec {
  const node = ref.system.nodes.find(({ name }) => name === ref.node);
  if (node === undefined) throw noFault({ node: ref.node });
  return node;
}
