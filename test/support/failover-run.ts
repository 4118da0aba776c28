import { readdirSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunResult, runResultSchema } from "../../src/drills/result.ts";
import { PROJECT } from "./cli-lab.ts";
import { type CliEnd, firedrill, type FollowedRun, followRun } from "./cli-run.ts";
import { failoverInventory } from "./failover-inventory.ts";
import type { HaCluster } from "./ha-cluster.ts";

export type ShippedFailover = "failover-replica" | "failover-data-loss" | "switchover-replica";

/** A copy of a shipped playbook, changed as text. */
export interface Playbook {
  readonly text: string;
  /** The step with this id becomes these lines; none: it goes. */
  replace(id: string, ...lines: readonly string[]): Playbook;
  before(id: string, ...lines: readonly string[]): Playbook;
  /** At the end of the last phase. */
  last(...lines: readonly string[]): Playbook;
}

export async function shipped(name: ShippedFailover): Promise<Playbook> {
  const text = await readFile(join(PROJECT, "playbooks", `${name}.yaml`), "utf8");
  return playbook(text.replace("hold: 2s", "hold: 100ms"));
}

function playbook(text: string): Playbook {
  return {
    text,
    replace: (id, ...lines) => playbook(text.replace(stepText(id, text), block(lines))),
    before: (id, ...lines) => playbook(text.replace(stepText(id, text), (step) => `${block(lines)}${step}`)),
    last: (...lines) => playbook(`${text}${block(lines)}`),
  };
}

/** From its id to the next step, or the end of the phase. */
function stepText(id: string, text: string): RegExp {
  const step = new RegExp(`^ {4}- id: ${id}\\n(?: {6}.*\\n)*`, "mu");
  if (!step.test(text)) throw new Error(`the playbook has no step ${id}`);
  return step;
}

/** Lines of one step: the first behind its dash. */
const block = (lines: readonly string[]): string =>
  lines.map((line, index) => `    ${index === 0 ? "-" : " "} ${line}\n`).join("");

/** One state directory with its runs, on a cluster. */
export interface FailoverDesk {
  readonly state: string;
  start(): FollowedRun;
  firedrill(...args: readonly string[]): Promise<CliEnd>;
  /** Of the only run. */
  runId(): string;
  runDir(): string;
  result(): Promise<RunResult>;
}

let desks = 0;

export async function failoverDesk(
  { dir, system }: HaCluster,
  book: Playbook,
  params: readonly string[] = [],
): Promise<FailoverDesk> {
  const home = join(dir, `desk-${(desks += 1)}`);
  await mkdir(home);
  const state = join(home, "state");
  const file = join(home, "playbook.yaml");
  await writeFile(file, book.text);
  const inventory = join(home, "inventory.yaml");
  await writeFile(inventory, failoverInventory(system));
  const runId = (): string => readdirSync(join(state, "runs")).join();
  const runDir = (): string => join(state, "runs", runId());
  const args = [file, "--inventory", inventory, "--system", system.name, "--state", state, ...params];
  return {
    state,
    start: () => followRun(args, { cwd: home }),
    firedrill: (...words) => firedrill([...words, "--state", state], { cwd: home }),
    runId,
    runDir,
    result: async () => runResultSchema.parse(JSON.parse(await readFile(join(runDir(), "result.json"), "utf8"))),
  };
}

/** Resources that the program itself says are left, of all runs. */
export async function ledgerOf(desk: FailoverDesk): Promise<readonly string[]> {
  const { stdout } = await desk.firedrill("list", "--json");
  // Our own command's own form.
  const runs = JSON.parse(stdout) as readonly { readonly resources: readonly { readonly title: string }[] }[];
  return runs.flatMap(({ resources }) => resources.map(({ title }) => title));
}
