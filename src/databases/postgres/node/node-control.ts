import type { NodeSpec } from "../../../drills/inventory.ts";
import { StepError } from "../../../drills/step-error.ts";
import type { NodeControl, Signalled } from "../../../steps/ports/node-control.ts";
import type { Clock } from "../../../support/clock.ts";
import { controlFileOf } from "../control-file-of.ts";
import { newestTimeline } from "../newest-timeline.ts";
import { readPostmasterFile } from "../postmaster-file.ts";
import { holdBack, isHeldBack, letGo } from "./hold-back.ts";
import { nodePlace, type NodePlace } from "./node-place.ts";
import { postmasterOf, serverProcesses } from "./node-processes.ts";
import { freezeAll, inOrder, killAll, thawAll, type Victims } from "./signal-all.ts";
import { startNode } from "./start-node.ts";
import { stopNode } from "./stop-node.ts";
import { requireSupervisorFile, supervisorOf } from "./supervisor.ts";

export interface NodeControlDeps {
  readonly clock: Clock;
  /** Folder for the output of servers and commands that we start; made when missing. */
  readonly logDir: string;
  /** Our user. */
  readonly uid: number;
  /** For root: the command line, and the user for spawn(2), that runs a program as a server's user who needs these paths. */
  readonly enter?: (
    argv: readonly string[],
    user: { readonly uid: number; readonly gid: number },
    paths: readonly string[],
    signal: AbortSignal,
  ) => Promise<{
    readonly argv: readonly string[];
    readonly user?: { readonly uid: number; readonly gid: number };
  }>;
  /** `PATH` in which the inventory's `start` and `stop` find their programs. */
  readonly path: string;
}

/** Servers of this machine, by signals, files and the inventory's own commands. Linux. */
export function createNodeControl(deps: NodeControlDeps): NodeControl {
  return {
    async processes(node, supervisor) {
      const victims = await victimsOf(await nodePlace(node), supervisor);
      const pids = inOrder({ ...victims, supervisor: null }).map(({ pid }) => pid);
      return { pids, supervisor: victims.supervisor?.pid ?? null };
    },
    kill: (node, { supervisor }, signal) => signalAll(killAll, node, supervisor, deps.clock, signal),
    freeze: (node, { supervisor }, signal) => signalAll(freezeAll, node, supervisor, deps.clock, signal),
    async thaw(node) {
      const place = await nodePlace(node);
      thawAll(node, { server: await serverProcesses(place), supervisor: await supervisorOf(node) });
    },
    stop: async (node, mode, graceMs, signal) => stopNode(await nodePlace(node), { mode, graceMs }, deps, signal),
    start: async (node, signal) => startNode(await nodePlace(node), deps, signal),
    async port(node) {
      const place = await nodePlace(node).catch(() => null);
      if (place === null || (await postmasterOf(place)) === null) return null;
      return (await readPostmasterFile(place.dataDir))?.port ?? null;
    },
    async timeline(node) {
      const { dataDir } = await nodePlace(node);
      return newestTimeline(dataDir, await controlFileOf(dataDir));
    },
    running: async (node) => inOrder(await victimsOf(await nodePlace(node), false)).length > 0,
    async frozen(node) {
      const server = await serverProcesses(await nodePlace(node));
      return inOrder({ server, supervisor: await supervisorOf(node) }).some(({ state }) => state === "T");
    },
    holdBack: async (node) => holdBack(await nodePlace(node)),
    letGo: async (node) => letGo(await nodePlace(node)),
    heldBack: async (node) => isHeldBack(await nodePlace(node)),
  };
}

async function victimsOf(place: NodePlace, supervisor: boolean): Promise<Victims> {
  if (supervisor) requireSupervisorFile(place.node);
  const server = await serverProcesses(place);
  return { server, supervisor: supervisor ? await supervisorOf(place.node) : null };
}

type Act = (place: NodePlace, victims: Victims, clock: Clock, signal: AbortSignal) => Promise<Signalled>;

async function signalAll(
  act: Act,
  node: NodeSpec,
  supervisor: boolean,
  clock: Clock,
  signal: AbortSignal,
): Promise<Signalled> {
  const place = await nodePlace(node);
  const victims = await victimsOf(place, supervisor);
  signal.throwIfAborted();
  if (inOrder({ ...victims, supervisor: null }).length === 0) {
    throw new StepError("permanent", "NODE_DOWN", `${node.name} does not run: there is nothing to break`, {
      hint: "a drill begins with a healthy system; postgres/replica-status checks that",
    });
  }
  return act(place, victims, clock, signal);
}
