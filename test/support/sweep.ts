import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plan } from "../../src/drills/plan.ts";
import type { Work } from "./sweep-child.ts";
import type { Point } from "./sweep-doom.ts";
import { pointText } from "./sweep-doom.ts";
import { differences, type End } from "./sweep-end.ts";
import type { PlantedName } from "./sweep-planted.ts";
import { type Baseline, makeVictim, unharmed, type Victim } from "./sweep-victim.ts";

export interface Swept {
  readonly kills: number;
  readonly processes: number;
  /** One sentence for each run that did not end as it must, with the way to see it again. */
  readonly wrong: readonly string[];
}

/** Temporary files of a sweep; disposed of with all that is in it. */
export interface SweepFolder extends Disposable {
  readonly dir: string;
  readonly plansFile: string;
  readonly plans: Readonly<Record<string, Plan>>;
  /** For a person who wants to look at it: nothing is removed. */
  readonly keep: boolean;
}

export function sweepFolder(plans: Readonly<Record<string, Plan>>, keep = false): SweepFolder {
  const dir = mkdtempSync(join(tmpdir(), "firedrill-sweep-"));
  const plansFile = join(dir, "plans.json");
  writeFileSync(plansFile, JSON.stringify(plans));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  return { dir, plansFile, plans, keep, [Symbol.dispose]: keep ? () => {} : remove };
}

export async function baselinesOf({ dir, plans }: SweepFolder): Promise<Readonly<Record<string, Baseline>>> {
  const all: Record<string, Baseline> = {};
  for (const [playbook, plan] of Object.entries(plans))
    all[playbook] = await unharmed(join(dir, `undisturbed-${playbook}`), playbook, plan);
  return all;
}

/**
 * Groups that die in one process, so that its start is shared; playbooks take turns. After its last record a run writes its result past
 * the journal, so that only a kill at that very instant tells: such a point stands alone.
 */
export function groupsOf(baselines: Readonly<Record<string, Baseline>>, size = GROUP): readonly (readonly Target[])[] {
  const all = Object.entries(baselines).flatMap(([playbook, { points, records }]) =>
    points.map((point, turn) => ({
      playbook,
      point,
      turn,
      last: point.stage === "after-sync" && point.whole === records,
    })),
  );
  const others = all.filter(({ last }) => !last).toSorted((a, b) => a.turn - b.turn);
  const groups = Array.from({ length: Math.ceil(others.length / size) }, (_, index) =>
    others.slice(index * size, (index + 1) * size),
  );
  return [...groups, ...all.filter(({ last }) => last).map((alone) => [alone])];
}

const GROUP = 20;

export interface Target {
  readonly playbook: string;
  readonly point: Point;
}

const CHILD = fileURLToPath(new URL("sweep-child.ts", import.meta.url));

const ROWS = 2;

/** All groups, by two rows of processes at the same time. */
export async function sweep(
  folder: SweepFolder,
  groups: readonly (readonly Target[])[],
  baselines: Readonly<Record<string, Baseline>>,
  planted: PlantedName | null = null,
): Promise<Swept> {
  const rows = Array.from({ length: ROWS }, (_, row) => groups.filter((__, index) => index % ROWS === row));
  const busy = rows.filter((own) => own.length > 0);
  const swept = await Promise.all(busy.map((own, row) => sweepRow(folder, `row-${row}`, own, baselines, planted)));
  const sum = (of: "kills" | "processes"): number => swept.reduce((all, one) => all + one[of], 0);
  return { kills: sum("kills"), processes: sum("processes"), wrong: swept.flatMap(({ wrong }) => wrong) };
}

/** A row of processes: each takes over what the one before it left, and begins the next group. */
async function sweepRow(
  folder: SweepFolder,
  row: string,
  groups: readonly (readonly Target[])[],
  baselines: Readonly<Record<string, Baseline>>,
  planted: PlantedName | null,
): Promise<Swept> {
  const wrong: string[] = [];
  let kills = 0;
  let left: Work["recover"] = [];
  for (const [index, group] of [...groups, []].entries()) {
    const start = group.map(({ playbook, point }): Victim => ({
      playbook,
      point,
      dir: join(folder.dir, `${row}-${index}`, `${playbook}-${pointText(point).replaceAll(":", "-")}`),
    }));
    for (const victim of start) makeVictim(victim);
    const name = `${row}-${index}`;
    const { said, signal } = await inProcess(folder, name, { recover: left, start, planted, keep: folder.keep });
    if (start.length > 0 && signal !== "SIGKILL")
      wrong.push(`process ${row}-${index} was to be killed: ${String(signal)}`);
    kills += said.filter((line) => "began" in line).length;
    const missing = new Map(left.map(({ dir, ...victim }) => [dir, victim]));
    for (const line of said) {
      if ("began" in line) continue;
      wrong.push(...judged(line, baselines));
      missing.delete(line.victim.dir);
    }
    wrong.push(...[...missing.values()].map((victim) => `${nameOf(victim)}: nobody said how it ended`));
    left = start.map((victim) => ({ ...victim, how: "resume" }));
  }
  return { kills, processes: groups.length + 1, wrong };
}

/** What a process says of the runs it had. */
export type Line =
  | { readonly began: string }
  | { readonly victim: Victim; readonly end: End }
  | { readonly victim: Victim; readonly trouble: string };

/** Does the work in a process of its own; `killAfterMs` after it begins that process is killed, wherever it is. */
export async function inProcess(
  { dir, plansFile: plans }: SweepFolder,
  name: string,
  work: Omit<Work, "plans" | "report">,
  killAfterMs: number | null = null,
): Promise<Said> {
  const [file, report] = [join(dir, `${name}.json`), join(dir, `${name}.jsonl`)];
  writeFileSync(file, JSON.stringify({ ...work, plans, report }));
  writeFileSync(report, "");
  const env = { ...process.env, NODE_COMPILE_CACHE: join(dir, "compiled") };
  const child = spawn(process.execPath, [CHILD, file], { stdio: ["ignore", "pipe", "inherit"], env });
  const hung = setTimeout(() => child.kill("SIGTERM"), LONGEST_MS);
  let timer: NodeJS.Timeout | undefined;
  let begun = 0;
  child.stdout.once("data", () => {
    begun = performance.now();
    if (killAfterMs !== null) timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
  });
  await once(child, "close");
  const ms = performance.now() - begun;
  clearTimeout(timer);
  clearTimeout(hung);
  // A last line without its end was being written when the process was killed.
  const lines = readFileSync(report, "utf8").split("\n").slice(0, -1);
  rmSync(file);
  rmSync(report);
  // Written by the child.
  return { said: lines.map((line) => JSON.parse(line) as Line), signal: child.signalCode, ms };
}

/** A run that never comes to its end, nor to its point, holds up the others of its process. */
const LONGEST_MS = 180_000;

interface Said {
  readonly said: readonly Line[];
  readonly signal: NodeJS.Signals | null;
  /** From when it began its work to its end. */
  readonly ms: number;
}

function nameOf({ playbook, point }: Pick<Victim, "playbook" | "point">): string {
  return point === null ? playbook : `"${playbook} ${pointText(point)}" (${point.about})`;
}

function judged(
  line: Exclude<Line, { readonly began: string }>,
  baselines: Readonly<Record<string, Baseline>>,
): readonly string[] {
  const name = nameOf(line.victim);
  if ("trouble" in line) return [`${name}: ${line.trouble}`];
  const baseline = baselines[line.victim.playbook];
  if (baseline === undefined) return [`${name}: no baseline`];
  const { end, deviations } = expected(line.victim.point, line.end, baseline);
  return differences(line.end, end, deviations).map((fault) => `${name}: ${fault}`);
}

/** By the point alone: never begun, ended before, or taken over once. */
function expected(point: Point | null, seen: End, { begin, end, records }: Baseline) {
  if (point?.whole === 0) return { end: begin, deviations: [] };
  if (point?.whole === records) return { end, deviations: [] };
  const times = point === null ? seen.epochs - 1 : 1;
  const resumed = Array.from({ length: times }, () => "RUN_RESUMED");
  return { end, deviations: point?.part === true ? [...resumed, "JOURNAL_TORN"] : resumed };
}
