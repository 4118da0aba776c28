import { simulate, type SimReport } from "./simulate.ts";

/** What many seeds came to. Plain JSON, so that it can come from another process. */
export interface Tally {
  seeds: number;
  records: number;
  lives: number;
  turns: number;
  /** How often each kind of thing happened. */
  readonly faults: Record<string, number>;
  /** By `result RULE`; `none` for runs that never began. */
  readonly verdicts: Record<string, number>;
  /** The first few that broke a promise. */
  readonly broken: { readonly seed: number; readonly promise: string }[];
  brokenInAll: number;
}

const MOST_TOLD = 20;

export function emptyTally(): Tally {
  return { seeds: 0, records: 0, lives: 0, turns: 0, faults: {}, verdicts: {}, broken: [], brokenInAll: 0 };
}

/** Every `step`-th seed of [from, to); with `stopAt` broken ones it has seen enough. */
export async function sweep(from: number, to: number, step = 1, stopAt = Number.POSITIVE_INFINITY): Promise<Tally> {
  const tally = emptyTally();
  for (let seed = from; seed < to && tally.brokenInAll < stopAt; seed += step) count(tally, await simulate(seed));
  return tally;
}

function count(tally: Tally, report: SimReport): void {
  tally.seeds += 1;
  tally.records += report.records;
  tally.lives += report.lives;
  tally.turns += report.turns;
  for (const [kind, times] of report.faults) tally.faults[kind] = (tally.faults[kind] ?? 0) + times;
  const verdict = report.verdict ?? "none";
  tally.verdicts[verdict] = (tally.verdicts[verdict] ?? 0) + 1;
  if (report.violation === null) return;
  tally.brokenInAll += 1;
  if (tally.broken.length < MOST_TOLD) tally.broken.push({ seed: report.seed, promise: report.violation });
}

export function together(tallies: readonly Tally[]): Tally {
  const all = emptyTally();
  for (const tally of tallies) {
    for (const key of ["seeds", "records", "lives", "turns", "brokenInAll"] as const) all[key] += tally[key];
    for (const key of ["faults", "verdicts"] as const)
      for (const [kind, times] of Object.entries(tally[key])) all[key][kind] = (all[key][kind] ?? 0) + times;
    all.broken.push(...tally.broken);
  }
  return all;
}

/** For people: the figures, the most frequent first. */
export function inWords(tally: Tally, seconds: number): string {
  const { seeds, records, lives, turns } = tally;
  const rows = (counts: Readonly<Record<string, number>>): readonly string[] =>
    Object.entries(counts)
      .toSorted(([, one], [, other]) => other - one)
      .map(([kind, times]) => `${String(times).padStart(10)}  ${kind}`);
  return [
    `${seeds} seeds in ${seconds.toFixed(1)} s: ${records} records, ${lives} lives of an orchestrator, ${turns} turns`,
    "verdicts:",
    ...rows(tally.verdicts),
    "what happened:",
    ...rows(tally.faults),
    ...tally.broken.map(({ seed, promise }) => `BROKEN ${promise}\n  replay: node test/simulation/replay.ts ${seed}`),
  ].join("\n");
}

/** Of what must happen often enough for a sweep to mean something: what happened less than `least` times. */
export function missing(tally: Tally, least: number): readonly string[] {
  const seen: Readonly<Record<string, number>> = { ...tally.faults, ...byRule(tally), ...byResult(tally) };
  return [...MUST_HAPPEN, ...RULES, ...RESULTS].filter((kind) => (seen[kind] ?? 0) < least);
}

function byRule({ verdicts }: Tally): Record<string, number> {
  return Object.fromEntries(RULES.map((rule) => [rule, sum(verdicts, (verdict) => verdict.endsWith(` ${rule}`))]));
}

function byResult({ verdicts }: Tally): Record<string, number> {
  return Object.fromEntries(
    RESULTS.map((result) => [result, sum(verdicts, (verdict) => verdict.startsWith(`${result} `))]),
  );
}

function sum(counts: Readonly<Record<string, number>>, isCounted: (key: string) => boolean): number {
  return Object.entries(counts).reduce((total, [key, times]) => total + (isCounted(key) ? times : 0), 0);
}

const RESULTS = ["passed", "passed_with_deviations", "failed", "inconclusive", "aborted", "error"];

/** As the first reason of a verdict. `UNFINISHED` is no verdict of a run that has ended. */
const RULES = [
  "CLEANUP_INCOMPLETE",
  "STEP_IN_DOUBT",
  "STEP_BROKE",
  "HALTED",
  "DEADLINE",
  "SUBJECT_FAILED",
  "CHECK_FAILED",
  "NOT_RECOVERED",
  "OBJECTIVE_MISSED",
  "CHECK_NOT_MEASURED",
  "NO_REQUIRED_CHECK",
  "STEP_NOT_RUN",
  "OBJECTIVE_NOT_MEASURED",
  "DEVIATIONS",
  "ALL_MET",
];

const MUST_HAPPEN = [
  "a crash",
  "a power cut",
  "a resume",
  "a clean",
  "died while it wrote",
  "what was written and not synced is lost",
  ...["before-append", "after-append", "after-sync", "before-effect", "after-effect"].map((at) => `died at: ${at}`),
  ...["read", "replace", "open", "write", "sync", "truncate", "mkdir"].map((at) => `died at: ${at}`),
  "died at: in an effect",
  "died at: between two events",
  "the journal cannot be written",
  "the journal cannot be written: no room",
  "the disk is full",
  "the journal cannot be synced",
  "a sync is slow",
  "a file of the state cannot be written",
  ...["JOURNAL_FAILED", "ENOSPC", "RUN_FINISHED", "RUN_INCOMPLETE"].map((code) => `an orchestrator gives up: ${code}`),
  "an effect is slow",
  "an effect stops too late",
  ...[
    "transient",
    "permanent",
    "timeout",
    "subject",
    "plain error",
    "own abort",
    "hangs",
    "bad outputs",
    "secret outputs",
  ].map((ending) => `an effect ends: ${ending}`),
  "an effect ends: looked at nothing",
  "a reconcile is slow",
  "a reconcile does not know: unknown",
  "a reconcile does not know: throws",
  ...["slow", "throws", "hangs"].map((how) => `a keeper ${how}`),
  "something does not go away",
  ...["slow", "throws", "refuses"].map((how) => `a guard ${how}`),
  "the rules refuse",
  ...["breached", "unknown", "throws", "hangs"].map((how) => `a stop condition: ${how}`),
  "an approval: declined",
  "an approval: timed_out",
  "a step halts the run",
  "a step speaks after its end",
  "halted by a person",
  "halted by a signal",
  "the wall clock is set",
  "stopped for a while",
  "a second orchestrator",
  "overtaken by another machine",
  "an overtaken owner ends: STALE_OWNER",
];
