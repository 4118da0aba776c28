import { rmSync } from "node:fs";
import { join } from "node:path";
import { inProcess, type SweepFolder } from "./sweep.ts";
import type { End } from "./sweep-end.ts";
import { type Baseline, makeVictim, type Victim } from "./sweep-victim.ts";

/** What one round of kills at random instants came to. */
export interface Round {
  readonly kills: number;
  readonly ended: readonly Ended[];
}

/** A run that was killed, perhaps often, and its end. */
export interface Ended {
  readonly playbook: string;
  /** `clean` had it at least once. */
  readonly cleaned: boolean;
  readonly end: End;
}

const MOST_TAKE_OVERS_KILLED = 3;

/**
 * Runs of all playbooks in one process that is killed; then processes that take over what is there, resuming or cleaning, which are
 * killed too; then one that is left alone.
 */
export async function randomRound(folder: SweepFolder, name: string, pace: Pace, random: () => number): Promise<Round> {
  const start = startOf(folder, name);
  const soon = (what: keyof Pace): number => Math.floor(random() * pace[what]);
  const begun = await inProcess(folder, `${name}-start`, { ...NOTHING, start }, soon("start"));
  let kills = keepPace(pace, "start", begun);
  const cleaned = new Set<string>();
  const ended: Ended[] = [];
  let open = start;
  const takeOvers = Math.floor(random() * (MOST_TAKE_OVERS_KILLED + 1));
  for (let turn = 0; turn <= takeOvers; turn += 1) {
    const recover = open.map((victim) => ({
      ...victim,
      how: random() < 0.25 ? ("clean" as const) : ("resume" as const),
    }));
    for (const { dir, how } of recover) if (how === "clean") cleaned.add(dir);
    const killAfterMs = turn === takeOvers ? null : soon("takeOver");
    const done = await inProcess(folder, `${name}-${turn}`, { ...NOTHING, recover }, killAfterMs);
    kills += keepPace(pace, "takeOver", done);
    for (const line of done.said) {
      if ("began" in line) continue;
      if ("trouble" in line) throw new Error(`${line.victim.playbook} (${line.victim.dir}): ${line.trouble}`);
      const { playbook, dir } = line.victim;
      ended.push({ playbook, cleaned: cleaned.has(dir), end: line.end });
      open = open.filter((victim) => victim.dir !== dir);
    }
  }
  if (open.length > 0) throw new Error(`nobody said how ${open.map(({ dir }) => dir).join(", ")} ended`);
  rmSync(join(folder.dir, name), { recursive: true });
  return { kills, ended };
}

const NOTHING = { recover: [], start: [], planted: null, keep: true };

function startOf(folder: SweepFolder, name: string): readonly Victim[] {
  return Object.keys(folder.plans).map((playbook) =>
    makeVictim({ playbook, point: null, dir: join(folder.dir, name, playbook) }),
  );
}

/** How long after its begin a process is killed at the latest, milliseconds: a little more than it takes to its end. */
export interface Pace {
  start: number;
  takeOver: number;
}

/** Measured where it runs; what follows keeps it up to date, as a machine is busy now and idle then. */
export async function paceOf(folder: SweepFolder): Promise<Pace> {
  const pace = { start: 1000, takeOver: 500 };
  // The first one compiles.
  for (const name of ["first", "second"]) {
    const start = startOf(folder, name);
    keepPace(pace, "start", await inProcess(folder, name, { ...NOTHING, start }));
  }
  return pace;
}

/** How many were killed: one, or none when it came to its end before; which tells how long it takes. */
function keepPace(
  pace: Pace,
  what: keyof Pace,
  { signal, ms }: { readonly signal: NodeJS.Signals | null; readonly ms: number },
): number {
  if (signal === "SIGKILL") return 1;
  pace[what] = Math.ceil(ms * 1.1);
  return 0;
}

/** In which of the allowed ways a run ended, or what is wrong with it. */
export type Judgement =
  | { readonly kind: "never_began" | "as_undisturbed" | "cleaned" | "in_doubt" }
  | { readonly kind: "wrong"; readonly why: readonly string[] };

/** `mayDoubt`: steps whose effect has instants of which the world cannot tell whether it happened. */
export function judge({ cleaned, end }: Ended, baseline: Baseline, mayDoubt: ReadonlySet<string>): Judgement {
  const why = [...end.faults, ...doneOften(end, baseline)];
  const kind = kindOf(end, cleaned, mayDoubt);
  if (kind === "as_undisturbed") why.push(...unlike(end, baseline.end));
  if (kind === "never_began") why.push(...unlike(end, baseline.begin));
  if (kind === "other") why.push(`it ended as ${JSON.stringify(end.verdict)}`);
  if (end.nodes.filter((node) => node.includes("up, primary")).length !== 1)
    why.push(`servers: ${end.nodes.join("; ")}`);
  return why.length > 0 || kind === "other" ? { kind: "wrong", why } : { kind };
}

function kindOf(
  { verdict, doubted }: End,
  cleaned: boolean,
  mayDoubt: ReadonlySet<string>,
): Exclude<Judgement["kind"], "wrong"> | "other" {
  if (verdict === null) return "never_began";
  if (verdict.rule === "STEP_IN_DOUBT") return doubted.every((step) => mayDoubt.has(step)) ? "in_doubt" : "other";
  if (verdict.exitCode === 0) return "as_undisturbed";
  return cleaned && verdict.result === "aborted" ? "cleaned" : "other";
}

/** Acts come in their order, and none twice. */
function doneOften({ acts }: End, { end }: Baseline): readonly string[] {
  const first = end.acts.slice(0, acts.length);
  return JSON.stringify(acts) === JSON.stringify(first) ? [] : [`acts: ${acts.join(", ")}`];
}

function unlike(end: End, wanted: End): readonly string[] {
  const own = new Set(["RUN_RESUMED", "JOURNAL_TORN", "HALTED_IN_CLEANUP"]);
  const more = end.deviations.filter((code) => !own.has(code));
  const visible = ({ nodes, acts, verdict }: End): string =>
    JSON.stringify([nodes, acts, verdict?.checks, verdict?.steps, verdict?.rto, verdict?.rpo, verdict?.lost]);
  const same = visible(end) === visible(wanted);
  return [
    ...more.map((code) => `deviation ${code}`),
    ...(same ? [] : [`${visible(end)} instead of ${visible(wanted)}`]),
  ];
}
