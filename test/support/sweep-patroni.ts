import type { Patroni, PatroniMember, PatroniNode } from "../../src/steps/ports/patroni.ts";
import {
  followIn,
  nodeIn,
  primaryOf,
  promoteIn,
  streams,
  strikeIn,
  type World,
  type WorldState,
} from "./sweep-world.ts";

/** A Patroni that fails over as soon as somebody looks, and dies with its server. */
export function fakePatroni(world: World): Patroni {
  return {
    async look(node, { signal }) {
      const asked = world.now();
      signal.throwIfAborted();
      const state = await (primaryOf(world.read()) === null ? failOver(world) : world.look());
      const own = nodeIn(state, node.name);
      const at = world.now();
      if (!own.up) return { kind: "silent", node, asked, at, reason: "connection refused" };
      const role = own.primary ? "primary" : "replica";
      const cluster = { kind: "known", members: membersOf(state, node), paused: false } as const;
      return { kind: "answered", node, asked, at, role, state: own.primary ? "running" : "streaming", cluster };
    },
    async ask(_node, request) {
      if (request.kind === "failover") throw new Error("no shipped playbook asks for a failover");
      const { leader, candidate } = request;
      await world.change((state) => {
        const next = candidate ?? fittest(state);
        state.acts.push(`patroni switchover from ${leader}`);
        strikeIn(state, world.now());
        promoteIn(state, next, world.now());
        followIn(state, leader, next);
        followAll(state, next);
      });
      return { kind: "done", text: "Successfully switched over" };
    },
  };
}

function failOver(world: World): Promise<WorldState> {
  return world.change((state) => {
    // Another look may have seen the same.
    if (primaryOf(state) !== null) return state;
    const next = fittest(state);
    state.acts.push(`patroni promotes ${next}`);
    promoteIn(state, next, world.now());
    followAll(state, next);
    return state;
  });
}

function followAll(state: WorldState, primary: string): void {
  for (const [name, node] of Object.entries(state.nodes))
    if (name !== primary && node.up && !node.primary) followIn(state, name, primary);
}

function fittest(state: WorldState): string {
  const found = Object.entries(state.nodes).find(([, node]) => node.up && !node.primary);
  if (found === undefined) throw new Error("the world has no standby left");
  return found[0];
}

function membersOf(state: WorldState, { endpoint }: PatroniNode): readonly PatroniMember[] {
  return Object.entries(state.nodes).map(([name, { up, primary }]) => ({
    name,
    role: up && primary ? "leader" : "replica",
    state: up ? (streams(state, name) ? "streaming" : "running") : "stopped",
    host: endpoint.host,
    port: null,
    apiUrl: null,
    lagBytes: 0,
    nofailover: false,
  }));
}
