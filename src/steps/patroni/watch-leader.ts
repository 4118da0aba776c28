import { setTimeout as delay } from "node:timers/promises";
import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import type { Instant } from "../../support/clock.ts";
import type { Patroni, PatroniLook, PatroniNode } from "../ports/patroni.ts";
import { successor } from "./cluster-state.ts";
import { runsAsPrimary } from "./members.ts";

/** Between the answer of a node and the next question to it. */
const POLL_MS = 100;
/** A node that hangs holds up only what is asked of itself. */
const LOOK_MS = 1000;

export interface Taken {
  readonly node: NodeSpec;
  /** First answer as a primary that runs. */
  readonly at: Instant;
  readonly resolutionUs: number;
}

export interface WatchRequest {
  readonly system: SystemSnapshot;
  readonly nodes: readonly PatroniNode[];
  /** Name of the leader until now. */
  readonly before: string;
  /** Nobody else was the primary then. */
  readonly since: Instant;
  readonly signal: AbortSignal;
  /** Told every answer; what it throws ends the watch. */
  readonly seen: (looks: readonly PatroniLook[]) => void;
}

/**
 * Asks every node on its own until another leader runs as the primary and the old one does not say that it does. A node that
 * stays silent counts as that; whether it takes writes is another question. Rejects with the signal's reason.
 */
export async function untilOtherLeader(patroni: Patroni, request: WatchRequest): Promise<Taken> {
  const { nodes, since, signal } = request;
  const ended = new AbortController();
  const watching = { ...request, signal: AbortSignal.any([signal, ended.signal]) };
  const seen: Seen = {
    looks: new Map(),
    primaries: new Map(),
    notYet: new Map(nodes.map(({ name }) => [name, since])),
  };
  const found = Promise.withResolvers<Taken>();
  const loops = nodes.map((node) => watchNode(patroni, node, watching, seen, found.resolve));
  try {
    return await Promise.race([found.promise, Promise.all(loops).then(() => found.promise)]);
  } catch (error) {
    // A wait that is cut short rejects with an error of its own.
    signal.throwIfAborted();
    throw error;
  } finally {
    ended.abort();
    await Promise.allSettled(loops);
  }
}

interface Seen {
  readonly looks: Map<string, PatroniLook>;
  /** Since when a node says that it is the primary. */
  readonly primaries: Map<string, Omit<Taken, "node">>;
  /** When a node was asked last that did not say so. */
  readonly notYet: Map<string, Instant>;
}

async function watchNode(
  patroni: Patroni,
  node: PatroniNode,
  { system, nodes, before, since, signal, seen: tell }: WatchRequest,
  seen: Seen,
  take: (taken: Taken) => void,
): Promise<void> {
  for (;;) {
    const look = await patroni.look(node, { timeoutMs: LOOK_MS, signal });
    remember(seen, look);
    const looks = [...seen.looks.values()];
    tell(looks);
    // Who has not been heard yet might still say that it is the primary.
    const next = looks.length < nodes.length ? null : successor(looks, before, system);
    if (next !== null) return take({ node: next, ...(seen.primaries.get(next.name) ?? sinceThen(look.at, since)) });
    await delay(POLL_MS, undefined, { signal });
  }
}

function remember({ looks, primaries, notYet }: Seen, look: PatroniLook): void {
  const { name } = look.node;
  looks.set(name, look);
  if (!runsAsPrimary(look)) {
    notYet.set(name, look.asked);
    primaries.delete(name);
  } else if (!primaries.has(name)) {
    primaries.set(name, sinceThen(look.at, notYet.get(name) ?? look.asked));
  }
}

function sinceThen(at: Instant, notYet: Instant): Omit<Taken, "node"> {
  return { at, resolutionUs: at.monoUs - notYet.monoUs };
}
