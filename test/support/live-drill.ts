import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunResult, runResultSchema } from "../../src/drills/result.ts";
import { PROJECT } from "./cli-lab.ts";
import { type CliOptions, type FollowedRun, followRun } from "./cli-run.ts";
import { failoverInventory } from "./failover-inventory.ts";
import type { HaCluster } from "./ha-cluster.ts";

export interface LiveDrill extends Partial<Omit<CliOptions, "cwd">> {
  /** Text of the playbook. */
  readonly playbook: string;
  readonly params?: readonly string[];
}

export interface LiveEnd {
  readonly code: number | null;
  readonly result: RunResult;
  readonly stderr: string;
  readonly runDir: string;
}

/** The real program at work on a cluster. */
export interface Live extends AsyncDisposable {
  readonly run: FollowedRun;
  runDir(): Promise<string>;
  end(): Promise<LiveEnd>;
}

export function shipped(playbook: string): Promise<string> {
  return readFile(join(PROJECT, "playbooks", `${playbook}.yaml`), "utf8");
}

/** Replaces one piece of a playbook; it must stand there, once. */
export function edited(text: string, piece: string, by: string): string {
  if (text.split(piece).length !== 2) throw new Error(`the playbook does not have this once: ${piece}`);
  return text.replace(piece, () => by);
}

export async function startDrill(ha: HaCluster, { playbook, params = [], ...options }: LiveDrill): Promise<Live> {
  const files = { playbook: join(ha.dir, "playbook.yaml"), inventory: join(ha.dir, "inventory.yaml") };
  await writeFile(files.playbook, playbook);
  await writeFile(files.inventory, failoverInventory(ha.system));
  const state = join(ha.dir, "state");
  const given = params.flatMap((param) => ["--param", param]);
  const args = [files.playbook, "--inventory", files.inventory, "--system", ha.system.name, "--state", state, ...given];
  const run = followRun(args, { cwd: ha.dir, ...options });
  const runDir = async (): Promise<string> => {
    const { data } = await run.until(({ type }) => type === "run.started");
    return join(state, "runs", String(data["runId"]));
  };
  return {
    run,
    runDir,
    async end() {
      const { code, stderr } = await run.ended;
      const dir = await runDir();
      const result: RunResult = runResultSchema.parse(JSON.parse(readFileSync(join(dir, "result.json"), "utf8")));
      return { code, result, stderr, runDir: dir };
    },
    [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
  };
}
