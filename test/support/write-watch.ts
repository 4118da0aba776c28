import { setTimeout as delay } from "node:timers/promises";
import type { NodeSpec } from "../../src/drills/inventory.ts";
import { nodeDatabase } from "../../src/drills/node-database.ts";
import type { Session } from "../../src/steps/ports/postgres.ts";
import { systemClock } from "../../src/support/system-clock.ts";
import type { HaCluster } from "./ha-cluster.ts";
import { sessions } from "./pg-machine.ts";

/** A write that a node acknowledged; its commit lies between the two, on the machine's monotonic clock. */
export interface Ack {
  readonly node: string;
  readonly sentUs: number;
  readonly ackedUs: number;
}

/** Clients of the test's own that write to every node directly, all the time, whatever it is. */
export interface WriteWatch extends AsyncDisposable {
  /** In the order of acknowledgement. */
  acks(): readonly Ack[];
  /** Returns when the node has acknowledged a write that was sent from now on. */
  untilAcknowledged(node: string): Promise<void>;
}

const clock = systemClock();
const monoUs = (): number => clock.monoUs();
const CONNECT_MS = 500;
const ANSWER_MS = 1000;
const BETWEEN_MS = 5;

export async function watchWrites(ha: HaCluster): Promise<WriteWatch> {
  const acks: Ack[] = [];
  const end = new AbortController();
  const [first] = ha.system.nodes;
  if (first === undefined) throw new Error("the system has no nodes");
  await onSession(ha, first, end.signal, (session) => session.query("create table write_watch (n bigint)"));
  const clients = ha.system.nodes.flatMap((node) => [
    // One keeps its connection, also through a freeze; one comes anew each time.
    client(ha, node, Number.POSITIVE_INFINITY, acks, end.signal),
    client(ha, node, 1, acks, end.signal),
  ]);
  return {
    acks: () => acks.toSorted((a, b) => a.ackedUs - b.ackedUs),
    async untilAcknowledged(node) {
      const fromUs = monoUs();
      while (!acks.some((ack) => ack.node === node && ack.sentUs >= fromUs)) {
        end.signal.throwIfAborted();
        await delay(BETWEEN_MS);
      }
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await Promise.all(clients);
    },
  };
}

/** Never rejects: what fails is no acknowledgement. */
async function client(ha: HaCluster, node: NodeSpec, writes: number, acks: Ack[], end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    await onSession(ha, node, end, async (session, give) => {
      for (let count = 0; count < writes && !end.aborted; count += 1) {
        const sentUs = monoUs();
        await answered(session.query("insert into write_watch values (1)"), give);
        acks.push({ node: node.name, sentUs, ackedUs: monoUs() });
        await delay(BETWEEN_MS);
      }
    }).catch(() => delay(BETWEEN_MS));
  }
}

/** A connection that is dropped at once when `give.up()` is called. */
async function onSession(
  { system }: HaCluster,
  node: NodeSpec,
  end: AbortSignal,
  work: (session: Session, give: { up(): void }) => Promise<unknown>,
): Promise<void> {
  const own = new AbortController();
  const signal = AbortSignal.any([end, own.signal]);
  const connecting = setTimeout(() => own.abort(), CONNECT_MS);
  const limits = { readOnly: false, statementTimeoutMs: 0, connectTimeoutMs: CONNECT_MS, signal };
  const session = await sessions.open(nodeDatabase(system, node), limits).finally(() => clearTimeout(connecting));
  try {
    await work(session, { up: () => own.abort() });
  } finally {
    own.abort();
    void session[Symbol.asyncDispose]();
  }
}

async function answered(query: Promise<unknown>, give: { up(): void }): Promise<void> {
  const late = setTimeout(() => give.up(), ANSWER_MS);
  try {
    await query;
  } finally {
    clearTimeout(late);
  }
}

/** Who acknowledged, one after the other; more than one hand-over to the same node are more than one reign. */
export function reigns(acks: readonly Ack[]): readonly string[] {
  return acks.map(({ node }) => node).filter((node, index, all) => node !== all[index - 1]);
}

/** Acknowledgements of two nodes of which it cannot be said that one came after the other. */
export function overlaps(acks: readonly Ack[]): readonly (readonly [Ack, Ack])[] {
  return acks.flatMap((ack, index) => {
    const next = acks[index + 1];
    return next !== undefined && next.node !== ack.node && next.sentUs < ack.ackedUs ? [[ack, next] as const] : [];
  });
}
