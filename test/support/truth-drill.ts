import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type RunResult, runResultSchema } from "../../src/drills/result.ts";
import { failoverInventory } from "./failover-inventory.ts";
import type { HaCluster } from "./ha-cluster.ts";
import { type LossTruth, lossTruth, openTruthDesk, waitingForTruth } from "./loss-truth.ts";

export interface TruthDrill {
  readonly playbook: "failover-replica" | "failover-data-loss" | "switchover-replica";
  readonly params: readonly string[];
  /** Changes the shipped playbook's text. */
  readonly edit?: (text: string) => string;
}

export interface TruthEnd {
  readonly code: number;
  readonly result: RunResult;
  readonly truth: LossTruth;
  /** What the program says is lost, `writer/seq`. */
  readonly reported: ReadonlySet<string>;
  readonly stderr: string;
}

const PROJECT = join(import.meta.dirname, "../..");

/** Runs a shipped playbook with the real program on a cluster, and finds out besides what is true. */
export async function truthDrill(ha: HaCluster, drill: TruthDrill): Promise<TruthEnd> {
  await using desk = await openTruthDesk(ha);
  const shipped = await readFile(join(PROJECT, "playbooks", `${drill.playbook}.yaml`), "utf8");
  const playbook = join(ha.dir, "playbook.yaml");
  await writeFile(playbook, waitingForTruth(drill.edit?.(shipped) ?? shipped, desk));
  const inventory = join(ha.dir, "inventory.yaml");
  await writeFile(inventory, failoverInventory(ha.system));
  const state = join(ha.dir, "state");
  const params = drill.params.flatMap((param) => ["--param", param]);
  const args = [
    "run",
    playbook,
    "--inventory",
    inventory,
    "--system",
    ha.system.name,
    "--state",
    state,
    "--json",
    ...params,
  ];
  const { code, stdout, stderr } = await program(args);
  if (stdout === "") throw new Error(`no result: ${stderr}`);
  const result: RunResult = runResultSchema.parse(JSON.parse(stdout));
  const runDir = join(state, "runs", result.run.id);
  if (!desk.asked()) throw new UnfinishedDrill(result, stderr);
  const truth = await lossTruth(ha, runDir, desk.survivors());
  return { code, result, truth, reported: reportedLost(result), stderr };
}

/** The drill ended before everything was read: nothing can be compared. */
export class UnfinishedDrill extends Error {
  readonly result: RunResult;

  constructor(result: RunResult, stderr: string) {
    super(`${result.run.id} ended ${result.result} before its reading: ${result.reasons[0]?.message}\n${stderr}`);
    this.result = result;
  }
}

const run = promisify(execFile);

async function program(args: readonly string[]) {
  try {
    const { stdout, stderr } = await run(process.execPath, [join(PROJECT, "src/cli.ts"), ...args], {
      maxBuffer: 1 << 28,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    // Decode boundary: what execFile rejects with for another exit code.
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

/** `writer/seq` of what the program says is lost. */
export function reportedLost({ loss: { lostAcknowledged } }: RunResult): ReadonlySet<string> {
  if (lostAcknowledged.status !== "measured") throw new Error(`not measured: ${lostAcknowledged.reason}`);
  const ranges = lostAcknowledged.gone?.ranges ?? [];
  return new Set(
    ranges.flatMap(({ writer, from, to }) =>
      Array.from({ length: to - from + 1 }, (_, index) => `${writer}/${from + index}`),
    ),
  );
}
