import type { FaultKeeperDeps } from "../../src/faults/fault-keeper.ts";
import type { NodeSpec } from "../../src/drills/inventory.ts";
import type { NodeControl } from "../../src/steps/ports/node-control.ts";
import type { Rebuilder } from "../../src/steps/ports/rebuild.ts";
import type { NodeView, Replication } from "../../src/steps/ports/replication.ts";
import type { JsonObject } from "../../src/support/json.ts";
import { absent, partial } from "./sweep-absent.ts";
import {
  followIn,
  NODES,
  nodeIn,
  primaryOf,
  promoteIn,
  streams,
  strikeIn,
  type World,
  type WorldState,
} from "./sweep-world.ts";

/** What the primary has written, and how far a standby that streams is. The checkpoint of a shutdown lies before it. */
export const NEWEST_LSN = "0/5000100";
const CHECKPOINT_LSN = "0/5000000";
const CUT_LSN = "0/4FFFF00";
const BEGAN_LSN = "0/5000100";

function view(state: WorldState, node: NodeSpec, world: World): NodeView {
  const at = world.now();
  const own = nodeIn(state, node.name);
  if (!own.up) return { kind: "unreachable", node, at, reason: "connection refused", closed: true };
  const server = { node, at, major: 15, systemIdentifier: "7", port: node.endpoint.port, timeline: own.timeline };
  if (own.primary) {
    const standbys = Object.keys(state.nodes).filter(
      (name) => nodeIn(state, name).follows === node.name && streams(state, name),
    );
    const senders = standbys.map((name) => ({
      name,
      address: "127.0.0.1",
      state: "streaming",
      sync: "async",
      sentLsn: NEWEST_LSN,
      replayLsn: NEWEST_LSN,
      replayLagUs: 0,
    }));
    return { kind: "primary", ...server, lsn: NEWEST_LSN, beganLsn: BEGAN_LSN, readOnly: false, senders };
  }
  const lsn = own.cut ? CUT_LSN : NEWEST_LSN;
  const receiver = streams(state, node.name) ? { status: "streaming", host: "127.0.0.1", port: 1 } : null;
  const positions = { receivedLsn: lsn, replayedLsn: lsn, replayPaused: false } as const;
  return { kind: "standby", ...server, ...positions, timelineFrom: "receiver", receiver };
}

export function fakeReplication(world: World): Replication {
  return {
    async observe(_system, nodes) {
      const state = await world.look();
      return nodes.map((node) => view(state, node, world));
    },
    async observeSettled(_system, nodes) {
      const state = await world.look();
      return { views: nodes.map((node) => view(state, node, world)), promoting: [] };
    },
    async promote(_system, { name }) {
      const asked = world.now();
      return world.change((state) => {
        const promoted = world.now();
        state.acts.push(`promote ${name}`);
        promoteIn(state, name, promoted);
        return { asked, promoted, resolutionUs: 5000, timeline: nodeIn(state, name).timeline, lsn: BEGAN_LSN };
      });
    },
    repoint: (_system, standby, primary) => world.change((state) => followIn(state, standby.name, primary.name)),
    async follow(_system, standby, primary) {
      await world.change((state) => followIn(state, standby.name, primary.name));
      return world.now();
    },
    async checkpoint() {
      await world.look();
    },
    async tryWrite(_system, { name }) {
      const node = nodeIn(await world.look(), name);
      if (!node.up) return { kind: "no_answer", reason: "connection refused", lasting: true };
      return node.primary
        ? { kind: "acknowledged" }
        : { kind: "refused", reason: "cannot execute in a read-only transaction", lasting: true };
    },
  };
}

export function fakeControl(world: World): NodeControl {
  const pidsOf = (state: WorldState, name: string): readonly number[] => {
    const { up, starts } = nodeIn(state, name);
    return up ? [1000 * (NODES.findIndex((known) => known === name) + 1) + starts] : [];
  };
  return {
    async processes({ name }, supervisor) {
      return { pids: pidsOf(await world.look(), name), supervisor: supervisor ? 1 : null };
    },
    async kill({ name }) {
      const begun = world.now();
      return world.change((state) => {
        state.acts.push(`kill ${name}`);
        nodeIn(state, name).up = false;
        const done = world.now();
        strikeIn(state, done);
        return { begun, done, processes: 1 };
      });
    },
    freeze: () => absent("NodeControl.freeze"),
    thaw: () => absent("NodeControl.thaw"),
    async stop({ name }, mode) {
      const begun = world.now();
      return world.change((state) => {
        const node = nodeIn(state, name);
        if (!node.up) return { kind: "was_down" };
        node.up = false;
        const done = world.now();
        if (node.primary) strikeIn(state, done);
        const clean = mode === "fast";
        return { kind: "stopped", forced: false, clean, lastCheckpointLsn: CHECKPOINT_LSN, begun, done };
      });
    },
    start: (node) => world.change((state) => startIn(state, node, world)),
    async port(node) {
      return nodeIn(await world.look(), node.name).up ? node.endpoint.port : null;
    },
    timeline: async ({ name }) => nodeIn(await world.look(), name).timeline,
    running: async ({ name }) => nodeIn(await world.look(), name).up,
    async frozen() {
      await world.look();
      return false;
    },
    holdBack: ({ name }) => world.change((state) => void (nodeIn(state, name).held = true)),
    letGo: ({ name }) => world.change((state) => void (nodeIn(state, name).held = false)),
    heldBack: async ({ name }) => nodeIn(await world.look(), name).held,
  };
}

/** Patroni, or a `standby.signal`, makes a standby of a server that another one has replaced. */
function startIn(state: WorldState, { name, patroni }: NodeSpec, world: World): void {
  const node = nodeIn(state, name);
  if (node.up) return;
  const other = primaryOf(state);
  if (other !== null && (node.held || patroni !== null)) followIn(state, name, other);
  Object.assign(node, { up: true, starts: node.starts + 1 });
  if (primaryOf(state) === name) state.back = world.now();
}

export function fakeRebuilder(world: World): Rebuilder {
  return {
    async rebuild(request) {
      const { primary, owner } = request;
      const { name } = request.node;
      const thing = `copy ${owner.token}`;
      await request.beforeCopy({ thing });
      await world.change(({ things }) => {
        const { installation, run } = owner;
        things[thing] = { kind: "backup-directory", installation, run, title: `copy of ${primary.name}` };
      });
      await world.change((state) => {
        followIn(state, name, primary.name);
        Object.assign(nodeIn(state, name), { up: true, held: false, cut: false });
      });
      const streaming = { ...world.now(), resolutionUs: 1000 };
      return { method: "base_copy", reason: "there is no pg_rewind in this world", bytes: 1000, kept: null, streaming };
    },
  };
}

/** The inventory's ports (`sweep-plans.ts`). */
export const FIRST_PORT = 5440;

type Faults = FaultKeeperDeps["faults"];

/** Cuts of replication; the other faults of a machine are in no shipped playbook. */
export function fakeFaults(world: World): Faults {
  const port: Faults["replication"] = {
    async plan({ port: number }) {
      await world.look();
      return { locator: { database: { port: number } }, archive: false };
    },
    async cut(locator) {
      const begun = world.now();
      return world.change((state) => {
        const name = cutNode(locator);
        state.acts.push(`cut ${name}`);
        nodeIn(state, name).cut = true;
        return { begun, done: world.now(), detail: "receives nothing" };
      });
    },
    isCut: async (locator) => nodeIn(await world.look(), cutNode(locator)).cut,
  };
  const cuts: Faults["undo"]["replication"] = {
    port,
    undo: (locator) => world.change((state) => void (nodeIn(state, cutNode(locator)).cut = false)),
    async reconnect() {
      await world.look();
    },
    async dropSlots() {
      await world.look();
    },
    async verifyGone(locator) {
      const name = cutNode(locator);
      const { cut } = nodeIn(await world.look(), name);
      return { gone: !cut, how: `${name} ${cut ? "is cut off" : "receives"}` };
    },
  };
  const network = partial<Faults["undo"]["network"]>("the network's faults", { list: async () => [] });
  const undo = { network, disk: partial<Faults["undo"]["disk"]>("a full disk"), replication: cuts };
  return { network: partial("the network's faults"), disk: partial("a full disk"), replication: port, undo };
}

function cutNode(locator: JsonObject): string {
  const { database } = locator as unknown as { readonly database: { readonly port: number } }; // as `plan` made it
  return NODES[database.port - FIRST_PORT] ?? "nobody";
}
