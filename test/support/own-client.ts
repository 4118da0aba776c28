import { setTimeout as delay } from "node:timers/promises";
import { readFileSync } from "node:fs";
import { Client } from "pg";
import { systemClock } from "../../src/support/system-clock.ts";
import type { HaCluster } from "./ha-cluster.ts";
import type { Seen } from "./seen.ts";

/** Commits of a client that is no part of the program: one after the other on the clients' path, each noted here. */
export interface OwnClient extends AsyncDisposable {
  /** Numbers that were acknowledged. */
  readonly acknowledged: readonly number[];
  /** Times without a commit in which something failed, in order. */
  outages(): readonly OwnOutage[];
  /** Resolves at the next commit that begins from now on. */
  served(): Promise<void>;
  stop(): Promise<void>;
  /** What a primary has of it: numbers that are missing, there more than once, and there without ever having been sent. */
  compare(node: string): Promise<Comparison>;
}

/** When it was cut off, and when it was served again. */
export interface OwnOutage {
  readonly cutOff: Seen;
  readonly back: Seen;
  /** What failed first. */
  readonly reason: string;
}

interface Comparison {
  readonly lost: readonly number[];
  readonly duplicated: readonly number[];
  readonly phantom: readonly number[];
}

interface Commit {
  readonly n: number;
  readonly sentUs: number;
  readonly ackedUs: number;
}

interface Failure {
  readonly beganUs: number;
  readonly atUs: number;
  readonly reason: string;
}

const clock = systemClock();
const monoUs = (): number => clock.monoUs();
const PAUSE_MS = 2;

export async function startOwnClient(ha: HaCluster): Promise<OwnClient> {
  {
    await using session = await ha.session(await primaryOf(ha));
    await session.query("drop table if exists own_client");
    await session.query("create table own_client (n bigint)");
  }
  const commits: Commit[] = [];
  const failures: Failure[] = [];
  let sent = 0;
  const ending = new AbortController();
  let client: Client | null = null;
  const broken = (which: Client, reason: string): void => {
    const atUs = monoUs();
    // One that was given up already may still say so later.
    if (which === client) failures.push({ beganUs: atUs, atUs, reason });
  };
  const work = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      const beganUs = monoUs();
      try {
        client ??= await connect(ha, broken);
        sent += 1;
        const n = sent;
        const sentUs = monoUs();
        await client.query("insert into own_client values ($1)", [n]);
        commits.push({ n, sentUs, ackedUs: monoUs() });
      } catch (error) {
        failures.push({ beganUs, atUs: monoUs(), reason: String(error) });
        void client?.end().catch(() => undefined);
        client = null;
      }
      await delay(PAUSE_MS);
    }
    await client?.end().catch(() => undefined);
  };
  const working = work();
  const stop = (): Promise<void> => {
    ending.abort();
    return working;
  };
  const served = async (): Promise<void> => {
    const fromUs = monoUs();
    while ((commits.at(-1)?.sentUs ?? 0) < fromUs) await delay(1);
  };
  await served();
  return {
    get acknowledged() {
      return commits.map(({ n }) => n);
    },
    outages: () => outagesIn(commits, failures),
    served,
    stop,
    compare: async (node) => compare(ha, node, commits, sent),
    [Symbol.asyncDispose]: stop,
  };
}

/** As an application with both addresses does: the first that takes writes. */
async function connect(
  { system, cluster }: HaCluster,
  broken: (which: Client, reason: string) => void,
): Promise<Client> {
  const password = readFileSync(cluster.passwordFile, "utf8").trim();
  for (const { endpoint } of system.nodes) {
    const client = new Client({
      ...endpoint,
      user: cluster.superuser,
      password,
      database: "postgres",
      // Longer than a busy machine takes: what is measured here is never a deadline.
      connectionTimeoutMillis: 5000,
      query_timeout: 5000,
    });
    client.on("error", (error) => broken(client, String(error)));
    try {
      await client.connect();
      const { rows } = await client.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
      if (rows[0]?.standby === false) return client;
    } catch {
      // The next one may do.
    }
    void client.end().catch(() => undefined);
  }
  throw new Error("nobody takes writes");
}

/**
 * A server that answered was there when it was asked; one that failed to was not some time before that was known. The answer to a
 * commit and the end of the connection may come in together, in either order: what failed after a commit was sent is of the next gap.
 */
function outagesIn(commits: readonly Commit[], failures: readonly Failure[]): readonly OwnOutage[] {
  return commits.flatMap((after, index): OwnOutage[] => {
    const before = commits[index - 1];
    if (before === undefined) return [];
    const during = failures.filter(({ atUs }) => atUs >= before.sentUs && atUs < after.sentUs);
    const [first, last] = [during.at(0), during.at(-1)];
    if (first === undefined || last === undefined) return [];
    const cutOff = { fromUs: before.sentUs, toUs: first.atUs };
    return [{ cutOff, back: { fromUs: last.beganUs, toUs: after.ackedUs }, reason: first.reason }];
  });
}

async function compare(ha: HaCluster, node: string, commits: readonly Commit[], sent: number): Promise<Comparison> {
  await using session = await ha.session(node);
  const rows = await session.query<{ n: string; times: string }>(
    "select n::text, count(*)::text as times from own_client group by n",
  );
  const there = new Map(rows.map(({ n, times }) => [Number(n), Number(times)]));
  return {
    lost: commits.map(({ n }) => n).filter((n) => !there.has(n)),
    duplicated: [...there].flatMap(([n, times]) => (times > 1 ? [n] : [])),
    phantom: [...there.keys()].filter((n) => n < 1 || n > sent),
  };
}

/** The one node that takes writes. */
export async function primaryOf(ha: HaCluster): Promise<string> {
  const primaries: string[] = [];
  for (const { name } of ha.system.nodes) {
    await using session = await ha.session(name);
    const [row] = await session.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
    if (row?.standby === false) primaries.push(name);
  }
  const [primary, ...more] = primaries;
  if (primary === undefined || more.length > 0) throw new Error(`primaries: ${primaries.join(", ") || "none"}`);
  return primary;
}
