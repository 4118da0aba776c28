import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { NodeSpec } from "../../src/drills/inventory.ts";
import { nodeDatabase } from "../../src/drills/node-database.ts";
import type { Session } from "../../src/steps/ports/postgres.ts";
import type { HaCluster } from "./ha-cluster.ts";
import { sessions } from "./pg-machine.ts";
import { findProcesses } from "../../src/support/processes.ts";

/** What is there when a run has ended, asked of the servers and the machine and not of the program. */
export interface Aftermath {
  /** Nodes that commit a row over their endpoint. */
  readonly writable: readonly string[];
  readonly nodes: Readonly<Record<string, NodeAftermath>>;
  /** What a drill may have left; all empty after a complete cleanup. */
  readonly left: Readonly<Record<Leaving, readonly string[]>>;
}

export interface NodeAftermath {
  readonly role: "primary" | "standby" | "down";
  readonly timeline: number | null;
  readonly standbySignal: boolean;
}

type Leaving = "frozen" | "filters" | "ballast" | "canaries" | "tables" | "slots" | "slotNames" | "folders" | "ledger";

export const NOTHING_LEFT: Aftermath["left"] = {
  frozen: [],
  filters: [],
  ballast: [],
  canaries: [],
  tables: [],
  slots: [],
  slotNames: [],
  folders: [],
  ledger: [],
};

/** `state`: null before there is one. `ledger`: what `firedrill list --json` still names, which the caller asks. */
export async function aftermath(ha: HaCluster, state: string | null, ledger: readonly string[]): Promise<Aftermath> {
  const looks = await Promise.all(ha.system.nodes.map((node) => lookAt(ha, node)));
  // Nothing bears this name.
  const installation = state === null ? "none" : installationOf(state);
  const nodes = Object.fromEntries(
    looks.map(({ name, role, timeline, standbySignal }) => [name, { role, timeline, standbySignal }]),
  );
  return {
    writable: looks.filter(({ writes }) => writes).map(({ name }) => name),
    nodes,
    left: {
      frozen: frozenIn(ha.dir),
      filters: await filtersOf(installation),
      ballast: ha.system.nodes.flatMap((node) => ballastOf(node)),
      canaries: canariesOf(installation),
      tables: looks.flatMap(({ tables }) => tables),
      slots: looks.flatMap(({ slots }) => slots),
      slotNames: looks.flatMap(({ slotName }) => slotName),
      folders: ha.system.nodes.flatMap((node) => besideOf(node)),
      ledger,
    },
  };
}

interface NodeLook extends NodeAftermath {
  readonly name: string;
  readonly writes: boolean;
  readonly tables: readonly string[];
  readonly slots: readonly string[];
  readonly slotName: readonly string[];
}

async function lookAt({ system }: HaCluster, node: NodeSpec): Promise<NodeLook> {
  const { name } = node;
  const standbySignal = existsSync(join(node.dataDir ?? "", "standby.signal"));
  const limits = {
    readOnly: false,
    statementTimeoutMs: 5000,
    connectTimeoutMs: 3000,
    signal: AbortSignal.timeout(10_000),
  };
  try {
    await using session = await sessions.open(nodeDatabase(system, node), limits);
    const [row] = await session.query<{ standby: boolean; timeline: number; slot: string }>(
      `select pg_is_in_recovery() as standby, current_setting('primary_slot_name') as slot,
        case when pg_is_in_recovery() then (select received_tli from pg_stat_wal_receiver)
          else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end as timeline`,
    );
    const writes = await commits(session);
    return {
      name,
      role: row?.standby === false ? "primary" : "standby",
      timeline: row?.timeline ?? null,
      standbySignal,
      writes,
      // A standby has what the primary has, a little later.
      tables: row?.standby === false ? await texts(session, CANARY_TABLES) : [],
      slots: await texts(
        session,
        "select slot_name::text as text from pg_replication_slots where slot_name::text like 'firedrill_cut%'",
      ),
      slotName: row?.slot.startsWith("firedrill") === true ? [`${name}: ${row.slot}`] : [],
    };
  } catch {
    return { name, role: "down", timeline: null, standbySignal, writes: false, tables: [], slots: [], slotName: [] };
  }
}

const CANARY_TABLES =
  "select c.oid::regclass::text as text from pg_class c where relnamespace = to_regnamespace('firedrill_canary')";

async function commits(session: Session): Promise<boolean> {
  try {
    await session.query("create table if not exists aftermath (n int)");
    await session.query("insert into aftermath values (1)");
    return true;
  } catch {
    return false;
  }
}

async function texts(session: Session, query: string): Promise<readonly string[]> {
  return (await session.query<{ text: string }>(query)).map(({ text }) => text);
}

export function installationOf(state: string): string {
  // Our own document.
  return (JSON.parse(readFileSync(join(state, "installation.json"), "utf8")) as { readonly id: string }).id;
}

/** Processes that work below the folder and stand still. */
function frozenIn(dir: string): readonly string[] {
  const { found } = findProcesses({ dir, marker: null, uid: process.getuid?.() ?? 0 });
  return found.map(({ pid }) => String(pid)).filter((pid) => stateOf(pid) === "T");
}

function stateOf(pid: string): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  } catch {
    return "gone";
  }
}

const run = promisify(execFile);

/** By the tools themselves; a tool that is not there has put nothing in. */
async function filtersOf(installation: string): Promise<readonly string[]> {
  const asked = [
    ["nft", "list", "tables"],
    ["iptables", "-S"],
    ["ip6tables", "-S"],
  ].map(async ([tool = "", ...args]) => {
    const { stdout } = await run(`/usr/sbin/${tool}`, args).catch(() => ({ stdout: "" }));
    return stdout.split("\n").filter((line) => line.includes(`firedrill_${installation}`));
  });
  return (await Promise.all(asked)).flat();
}

function ballastOf({ dataDir }: NodeSpec): readonly string[] {
  const folders = dataDir === null ? [] : [dataDir, dirname(dataDir)];
  return folders.flatMap((folder) => readdirSync(folder).filter((name) => name.startsWith(".firedrill")));
}

/** What a rebuild leaves beside a data directory only while it is under way; `.diverged-` is meant to stay. */
function besideOf({ dataDir }: NodeSpec): readonly string[] {
  if (dataDir === null) return [];
  return readdirSync(dirname(dataDir)).filter((name) => /\.(?:new|old|own)-/u.test(name));
}

function canariesOf(installation: string): readonly string[] {
  const marker = `FIREDRILL_TRAFFIC=${installation}/`;
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/u.test(pid) && readFileSync(`/proc/${pid}/environ`, "latin1").includes(marker);
    } catch {
      return false;
    }
  });
}
