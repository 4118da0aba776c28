import { Client } from "pg";
import type { Endpoint } from "../../src/drills/inventory.ts";

/** A client of its own, told nothing by the program under measurement: writes in a loop, host after host, and notes when it was answered. */
export interface OutageClient {
  /** Milliseconds of `performance.now()`: the last acknowledgement before and the first after the longest silence since `sinceMs`. */
  outage(sinceMs: number): { readonly lastBefore: number; readonly firstAfter: number };
  /** How many writes it was acknowledged, and how many of those are in the table of the present primary. */
  stop(): Promise<{ readonly acknowledged: number; readonly found: number; readonly duplicated: number }>;
}

export interface OutageClientOptions {
  readonly hosts: readonly Endpoint[];
  readonly user: string;
  readonly password: string;
  readonly writers: number;
  readonly pauseMs: number;
}

const DEADLINE_MS = 1000;

export async function startOutageClient(options: OutageClientOptions): Promise<OutageClient> {
  await using first = await connect(options);
  await first.client.query("create table if not exists outage_client (writer int, seq bigint)");
  const acks: number[] = [];
  const acked: string[] = [];
  const stopping = new AbortController();
  const loops = Array.from({ length: options.writers }, async (_, writer) => {
    let seq = 0;
    while (!stopping.signal.aborted) {
      try {
        await using open = await connect(options);
        while (!stopping.signal.aborted) {
          seq += 1;
          await within(open.client.query("insert into outage_client values ($1, $2)", [writer, seq]));
          acks.push(performance.now());
          acked.push(`${writer}/${seq}`);
          await pause(options.pauseMs);
        }
      } catch {
        await pause(5);
      }
    }
  });
  return {
    outage: (sinceMs) => longestSilence(acks, sinceMs),
    async stop() {
      stopping.abort();
      await Promise.all(loops);
      await using last = await connect(options);
      const { rows } = await last.client.query<{ key: string }>(
        "select writer || '/' || seq as key from outage_client",
      );
      const there = new Set(rows.map(({ key }) => key));
      const found = acked.filter((key) => there.has(key)).length;
      return { acknowledged: acked.length, found, duplicated: rows.length - there.size };
    },
  };
}

function longestSilence(acks: readonly number[], sinceMs: number) {
  let best = { lastBefore: 0, firstAfter: 0 };
  for (let index = 1; index < acks.length; index += 1) {
    const lastBefore = acks[index - 1] ?? 0;
    const firstAfter = acks[index] ?? 0;
    if (firstAfter < sinceMs) continue;
    if (firstAfter - lastBefore > best.firstAfter - best.lastBefore) best = { lastBefore, firstAfter };
  }
  return best;
}

async function connect(options: OutageClientOptions): Promise<AsyncDisposable & { readonly client: Client }> {
  let last: unknown = new Error("no host");
  for (const { host, port } of options.hosts) {
    const { user, password } = options;
    const client = new Client({ host, port, user, password, database: "postgres", connectionTimeoutMillis: 200 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      const { rows } = await within(client.query<{ standby: boolean }>("select pg_is_in_recovery() as standby"));
      if (rows[0]?.standby === true) throw new Error("a standby");
      return { client, [Symbol.asyncDispose]: async () => void client.connection.stream.destroy() };
    } catch (error) {
      client.connection.stream.destroy();
      last = error;
    }
  }
  throw last;
}

function within<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("no answer")), DEADLINE_MS);
  late.promise.catch(() => undefined);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
