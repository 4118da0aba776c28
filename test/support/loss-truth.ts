import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startServer } from "../../src/databases/postgres/lab/start-server.ts";
import { nodeDatabase } from "../../src/drills/node-database.ts";
import type { Session } from "../../src/steps/ports/postgres.ts";
import { type Desk, openDesk, waitingFor } from "./desk.ts";
import type { HaCluster } from "./ha-cluster.ts";
import { openSession, serviceUser, testBinaries } from "./pg-machine.ts";

/** What is true of a failover, found out without the program: by the servers themselves and the writers' own file. */
export interface LossTruth {
  /** `writer/seq` of every transaction that a writer was acknowledged. */
  readonly acknowledged: ReadonlySet<string>;
  /** In the new primary's table, before cleanup. */
  readonly survivors: ReadonlySet<string>;
  readonly lost: readonly string[];
  /** Commit times of the lost in the old primary's data directory, its own clock; null when nothing is lost. */
  readonly lostBetween: { readonly firstUs: number; readonly lastUs: number } | null;
  /** From sending to acknowledgement, the slowest of all: a commit lies somewhere between. */
  readonly slowestAnswerUs: number;
}

/** A playbook's last step asks this address and waits: so long the tables are still there. */
export interface TruthDesk extends Desk {
  /** Whether the drill came to the step that asks. */
  asked(): boolean;
  /** Throws when it did not. */
  survivors(): ReadonlySet<string>;
}

/** `until`: so long a primary is waited for; at once where it is not given. */
export async function openTruthDesk(ha: HaCluster, until = AbortSignal.abort()): Promise<TruthDesk> {
  let found: ReadonlySet<string> | null = null;
  const desk = await openDesk(async () => void (found = await survivorsUntil(ha, until)));
  return {
    ...desk,
    asked: () => found !== null,
    survivors() {
      if (found === null) throw new Error("the drill did not come to the step that asks for the survivors");
      return found;
    },
  };
}

/** The playbook with one more step at its end, in phase return. */
export function waitingForTruth(playbook: string, desk: TruthDesk): string {
  return `${playbook}${waitingFor("truth", desk)}`;
}

async function survivorsUntil(ha: HaCluster, until: AbortSignal): Promise<ReadonlySet<string>> {
  for (;;) {
    try {
      return await readSurvivors(ha);
    } catch (error) {
      if (until.aborted) throw error;
      await delay(LOOK_MS);
    }
  }
}

const LOOK_MS = 50;

async function readSurvivors({ system }: HaCluster): Promise<ReadonlySet<string>> {
  const reasons: string[] = [];
  for (const node of system.nodes) {
    try {
      await using session = await openSession(nodeDatabase(system, node));
      const [row] = await session.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
      if (row?.standby === false) return new Set((await markers(session)).map(({ key }) => key));
    } catch (error) {
      // It is down.
      reasons.push(String(error));
    }
  }
  throw new Error(`no primary answers: ${reasons.join("; ")}`);
}

interface Marker {
  readonly key: string;
  readonly committedUs: number;
}

async function markers(session: Session): Promise<readonly Marker[]> {
  const [table] = await session.query<{ name: string }>(
    "select c.oid::regclass::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'payload' where c.relnamespace = to_regnamespace('firedrill_canary')",
  );
  if (table === undefined) throw new Error("there is no canary table");
  const rows = await session.query<{ key: string; at: string }>(
    `select writer || '/' || seq as key, (extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000000)::bigint::text as at from ${table.name}`,
  );
  return rows.map(({ key, at }) => ({ key, committedUs: Number(at) }));
}

/** `ha` must have been made with `track_commit_timestamp`, the drill run without `discardDivergent`. The kept data directory is removed. */
export async function lossTruth(ha: HaCluster, runDir: string, survivors: ReadonlySet<string>): Promise<LossTruth> {
  const { acknowledged, slowestAnswerUs } = readLedgers(runDir);
  const lost = [...acknowledged].filter((key) => !survivors.has(key));
  const kept = keptDirectory(ha);
  const old = kept === null ? null : await readAside(kept);
  for (const name of kept === null ? [] : [kept, `${kept}-socket`, `${kept}.log`])
    await rm(name, { recursive: true, force: true });
  if (lost.length === 0) return { acknowledged, survivors, lost, lostBetween: null, slowestAnswerUs };
  if (old === null) throw new Error(`${lost.length} are lost, and no data directory of the old primary was kept`);
  const times = lost.map((key) => {
    const at = old.get(key);
    if (at === undefined) throw new Error(`${key} was acknowledged and is in neither data directory`);
    return at;
  });
  return {
    acknowledged,
    survivors,
    lost,
    lostBetween: { firstUs: times.reduce((a, b) => Math.min(a, b)), lastUs: times.reduce((a, b) => Math.max(a, b)) },
    slowestAnswerUs,
  };
}

/** A writer waits for a second; its timer may be late. */
const LONGEST_ANSWER_US = 5_000_000;

/** Read by itself: a line `a <monotonic> <writer> <seq> <lsn>` is an acknowledgement of `s <monotonic> <writer> <seq>`. */
function readLedgers(runDir: string): Pick<LossTruth, "acknowledged" | "slowestAnswerUs"> {
  const files = readdirSync(runDir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ledger"));
  const sent = new Map<string, number>();
  const acknowledged = new Set<string>();
  let slowestAnswerUs = 0;
  for (const line of files.flatMap((name) => readFileSync(join(runDir, name), "utf8").split("\n"))) {
    const [kind, us, writer, seq] = line.split(" ");
    const key = `${writer}/${seq}`;
    if (kind === "s") sent.set(key, Number(us));
    if (kind !== "a") continue;
    acknowledged.add(key);
    const tookUs = Number(us) - (sent.get(key) ?? 0);
    if (tookUs < 0 || tookUs > LONGEST_ANSWER_US) throw new Error(`${key} was answered after ${tookUs} us`);
    slowestAnswerUs = Math.max(slowestAnswerUs, tookUs);
  }
  return { acknowledged, slowestAnswerUs };
}

function keptDirectory({ system }: HaCluster): string | null {
  for (const { dataDir } of system.nodes) {
    if (dataDir === null) continue;
    const kept = readdirSync(dirname(dataDir)).find((name) => name.startsWith(`${basename(dataDir)}.diverged-`));
    if (kept !== undefined) return join(dirname(dataDir), kept);
  }
  return null;
}

/** Starts the old primary as it was, aside, with a socket only it has. */
async function readAside(dataDir: string): Promise<ReadonlyMap<string, number>> {
  const signal = AbortSignal.timeout(60_000);
  // What the killed server and the fence left: the one would be taken for a running server, the other makes it a standby.
  for (const name of ["postmaster.pid", "standby.signal"]) await rm(join(dataDir, name), { force: true });
  const major = Number(readFileSync(join(dataDir, "PG_VERSION"), "utf8").trim());
  await using server = await startServer({
    binaries: await testBinaries().forMajor(major, signal),
    dataDir,
    socketDir: `${dataDir}-socket`,
    logPath: `${dataDir}.log`,
    user: serviceUser,
    superuser: "postgres",
    port: 0,
    archiveDir: null,
    settings: {
      track_commit_timestamp: "on",
      synchronous_standby_names: "",
      max_connections: "50",
      shared_buffers: "16MB",
    },
    signal,
  });
  await using session = await openSession(server.database);
  return new Map((await markers(session)).map(({ key, committedUs }) => [key, committedUs]));
}
