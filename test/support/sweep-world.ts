import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ResourceKind } from "../../src/drills/step-signature.ts";
import type { Clock, Instant } from "../../src/support/clock.ts";
import { instant } from "../../src/support/clock.ts";

/** One server of the world. */
export interface WorldNode {
  up: boolean;
  primary: boolean;
  timeline: number;
  /** Its primary, for a standby. */
  follows: string | null;
  /** There is a `standby.signal`. */
  held: boolean;
  /** It receives nothing. */
  cut: boolean;
  /** Counts its starts: a server that was started again has other processes. */
  starts: number;
}

/** Something that a run made and must remove. */
export interface Thing {
  readonly kind: ResourceKind;
  readonly installation: string;
  readonly run: string;
  readonly title: string;
}

export interface WorldState {
  nodes: Record<string, WorldNode>;
  things: Record<string, Thing>;
  /** Every act that must not be done twice, in order. */
  acts: string[];
  /** When clients lost the service last, and when it was back. */
  struck: Instant | null;
  back: Instant | null;
}

/**
 * The world that the fake drivers act on: one file, read and replaced as a whole at each act, so that a process that dies at any
 * instant leaves the world before the act or after it.
 */
export interface World {
  readonly clock: Clock;
  read(): WorldState;
  /** Refused, by never coming back, when the orchestrator is dead already. */
  change<T>(act: (state: WorldState) => T): Promise<T>;
  /** A look; comes back only while the orchestrator lives. */
  look(): Promise<WorldState>;
  now(): Instant;
}

export const NODES = ["a", "b", "c"] as const;

/** `a` is the primary, the others stream from it. */
export function freshWorld(): WorldState {
  const node = (name: string): WorldNode => ({
    up: true,
    primary: name === "a",
    timeline: 1,
    follows: name === "a" ? null : "a",
    held: false,
    cut: false,
    starts: 1,
  });
  const nodes = Object.fromEntries(NODES.map((name) => [name, node(name)]));
  return { nodes, things: {}, acts: [], struck: null, back: null };
}

export function readWorld(dir: string): WorldState {
  // Written by `writeWorld`.
  return JSON.parse(readFileSync(join(dir, "world.json"), "utf8")) as WorldState;
}

export function writeWorld(dir: string, state: WorldState): void {
  writeFileSync(join(dir, "world.next"), JSON.stringify(state));
  renameSync(join(dir, "world.next"), join(dir, "world.json"));
}

/** `alive` comes back while the orchestrator lives, and never after. */
export function openWorld(dir: string, clock: Clock, alive: () => Promise<void>): World {
  const read = (): WorldState => readWorld(dir);
  return {
    clock,
    read,
    now: () => instant(clock),
    async look() {
      await alive();
      return read();
    },
    async change(act) {
      await alive();
      const state = read();
      const answer = act(state);
      writeWorld(dir, state);
      return answer;
    },
  };
}

export function nodeIn({ nodes }: WorldState, name: string): WorldNode {
  const node = nodes[name];
  if (node === undefined) throw new Error(`the world has no server ${name}`);
  return node;
}

/** Name of the one server that takes writes; null when there is none. Two are the disaster that no drill may make. */
export function primaryOf({ nodes }: WorldState): string | null {
  const all = Object.entries(nodes).filter(([, node]) => node.up && node.primary);
  if (all.length > 1) throw new Error(`the world has ${all.length} primaries`);
  return all[0]?.[0] ?? null;
}

export function streams(state: WorldState, name: string): boolean {
  const { up, primary, follows, cut } = nodeIn(state, name);
  if (!up || primary || cut || follows === null) return false;
  const source = nodeIn(state, follows);
  return source.up && source.primary;
}

/** Makes a standby the primary. */
export function promoteIn(state: WorldState, name: string, at: Instant): void {
  const node = nodeIn(state, name);
  Object.assign(node, { primary: true, timeline: node.timeline + 1, follows: null, held: false });
  state.back = at;
}

export function followIn(state: WorldState, name: string, primary: string): void {
  Object.assign(nodeIn(state, name), { primary: false, follows: primary, timeline: nodeIn(state, primary).timeline });
}

/** The service is gone from here on. */
export function strikeIn(state: WorldState, at: Instant): void {
  state.struck = at;
  state.back = null;
}
