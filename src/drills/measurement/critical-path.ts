import type { Plan } from "../plan.ts";
import { PHASES } from "../phases.ts";
import type { Marks } from "./marks.ts";
import type { RtoVerdict } from "./verdict-schema.ts";
import type { StepRun } from "./step-runs.ts";
import type { CriticalPath } from "./steps-schema.ts";
import { momentOf, type Timeline } from "./timeline.ts";

/**
 * Job: says which steps the recovery time is made of. From the step that set T6 back along what each one waited for (its
 * `needs`, the step before it, the phase before it) to the clock's begin; a step's part is the time it ran on that path
 * inside the window that the RTO compares. Time between steps is kept apart, so the parts and it add up to the window.
 */

interface Ran {
  readonly run: StepRun;
  readonly startUs: number;
  readonly endUs: number;
}

interface Schedule {
  readonly ran: ReadonlyMap<string, Ran>;
  readonly previous: ReadonlyMap<string, readonly string[]>;
}

interface Window {
  readonly fromUs: number;
  readonly toUs: number;
}

export function criticalPath(
  plan: Plan,
  runs: readonly StepRun[],
  marks: Marks,
  timeline: Timeline,
  rto: RtoVerdict,
): CriticalPath {
  const name = plan.objectives.clock === "total" ? "T0-T6" : "T3-T6";
  const from = (plan.objectives.clock === "total" ? marks.T0 : marks.T3).moment;
  const to = marks.T6.moment;
  const nothing = { window: name, windowUs: null, contributions: [], betweenStepsUs: 0, shrink: null } as const;
  if (from === null || to === null) return { ...nothing, contributions: [] };
  const window = { fromUs: timeline.at(from), toUs: timeline.at(to) };
  const windowUs = window.toUs - window.fromUs;
  if (windowUs <= 0) return { ...nothing, contributions: [] };
  const schedule = scheduleOf(runs, timeline);
  const parts = partsOf(pathBack(schedule, lastBefore(schedule, window.toUs)), window);
  const contributions = [...parts]
    .filter(([, us]) => us > 0)
    .map(([step, criticalUs]) => ({ step, criticalUs, sharePermille: Math.round((criticalUs * 1000) / windowUs) }))
    .toSorted((a, b) => b.criticalUs - a.criticalUs);
  const betweenStepsUs = windowUs - contributions.reduce((sum, each) => sum + each.criticalUs, 0);
  return {
    window: name,
    windowUs,
    contributions,
    betweenStepsUs,
    shrink: shrink(schedule, window, contributions, rto),
  };
}

function scheduleOf(runs: readonly StepRun[], timeline: Timeline): Schedule {
  const ran = new Map<string, Ran>();
  for (const run of runs) {
    const start = run.firstStart ?? run.end;
    if (start === null || run.end === null) continue;
    ran.set(run.step.id, { run, startUs: timeline.at(momentOf(start)), endUs: timeline.at(momentOf(run.end)) });
  }
  return { ran, previous: new Map(runs.map((run) => [run.step.id, waitedFor(run, runs)])) };
}

/** What a step waits for: its needs, the step written before it, or all of the nearest earlier phase that did anything. */
function waitedFor(run: StepRun, runs: readonly StepRun[]): readonly string[] {
  const { needs, after, phase } = run.step;
  if (needs.length > 0) return needs;
  if (after !== null) return [after];
  const before = PHASES.slice(0, PHASES.indexOf(phase)).toReversed();
  const nearest = before.find((name) => runs.some((other) => other.step.phase === name && other.end !== null));
  return runs.filter((other) => other.step.phase === nearest).map((other) => other.step.id);
}

function lastBefore(schedule: Schedule, toUs: number): Ran | undefined {
  return latest([...schedule.ran.values()].filter((each) => each.endUs <= toUs));
}

function latest(ran: readonly Ran[]): Ran | undefined {
  return ran.toSorted((a, b) => a.endUs - b.endUs).at(-1);
}

function pathBack(schedule: Schedule, last: Ran | undefined): readonly Ran[] {
  const path: Ran[] = [];
  const seen = new Set<string>();
  for (let at = last; at !== undefined && !seen.has(at.run.step.id); at = predecessor(schedule, at.run.step.id)) {
    path.unshift(at);
    seen.add(at.run.step.id);
  }
  return path;
}

function predecessor(schedule: Schedule, id: string): Ran | undefined {
  return latest((schedule.previous.get(id) ?? []).flatMap((other) => schedule.ran.get(other) ?? []));
}

/** Steps of a path follow each other; what overlaps (a step resumed after a crash) is counted once. */
function partsOf(path: readonly Ran[], window: Window): ReadonlyMap<string, number> {
  const parts = new Map<string, number>();
  let reachedUs = window.fromUs;
  for (const { run, startUs, endUs } of path) {
    const fromUs = Math.max(startUs, reachedUs);
    const toUs = Math.min(endUs, window.toUs);
    parts.set(run.step.id, Math.max(0, toUs - fromUs));
    reachedUs = Math.max(reachedUs, toUs);
  }
  return parts;
}

type Contribution = CriticalPath["contributions"][number];

/** Only a recovery that was measured and too slow can be told what to shorten. */
function shrink(
  schedule: Schedule,
  window: Window,
  contributions: readonly Contribution[],
  rto: RtoVerdict,
): CriticalPath["shrink"] {
  if (rto.verdict !== "missed" || rto.value.status !== "measured" || rto.targetUs === null) return null;
  const overrunUs = rto.value.hiUs - rto.targetUs;
  const gains = contributions.map(({ step, criticalUs }) => ({
    step,
    ofUs: criticalUs,
    gainUs: gainOf(schedule, window, [step]),
  }));
  const alone = gains
    .filter((each) => each.gainUs >= overrunUs)
    .map(({ step, ofUs }) => ({ step, byUs: overrunUs, ofUs }));
  if (alone.length > 0) return { overrunUs, alone, together: [], enough: true };
  return { overrunUs, alone: [], ...together(schedule, window, gains, overrunUs) };
}

/** The largest first until they are enough; the last gives only what is still missing. */
function together(
  schedule: Schedule,
  window: Window,
  gains: readonly { readonly step: string; readonly ofUs: number }[],
  overrunUs: number,
): { readonly together: NonNullable<CriticalPath["shrink"]>["together"]; readonly enough: boolean } {
  const chosen: { step: string; byUs: number; ofUs: number }[] = [];
  let gainedUs = 0;
  for (const { step, ofUs } of gains) {
    const totalUs = gainOf(schedule, window, [...chosen.map((each) => each.step), step]);
    const byUs = Math.min(totalUs, overrunUs) - gainedUs;
    if (byUs > 0) chosen.push({ step, byUs, ofUs });
    gainedUs = Math.max(gainedUs, Math.min(totalUs, overrunUs));
    if (gainedUs >= overrunUs) break;
  }
  return { together: chosen, enough: gainedUs >= overrunUs };
}

/**
 * How much earlier T6 would be if these steps took no time: every step again as soon as what it waited for has ended, with
 * the same pause before it. A step that runs beside others gives less than its own length.
 */
function gainOf(schedule: Schedule, window: Window, steps: readonly string[]): number {
  const ends = new Map<string, number>();
  const gone = new Set(steps);
  for (const { run, startUs, endUs } of [...schedule.ran.values()].toSorted((a, b) => a.startUs - b.startUs)) {
    const before = (schedule.previous.get(run.step.id) ?? []).flatMap((id) => schedule.ran.get(id) ?? []);
    const wasFreeUs = Math.max(0, ...before.map((each) => each.endUs));
    const isFreeUs = Math.max(0, ...before.map((each) => ends.get(each.run.step.id) ?? each.endUs));
    // What lies before the clock's begin cannot be gained.
    const newStartUs = startUs - (wasFreeUs - isFreeUs);
    const insideUs = Math.max(0, Math.min(endUs, window.toUs) - Math.max(startUs, window.fromUs));
    ends.set(run.step.id, newStartUs + (endUs - startUs) - (gone.has(run.step.id) ? insideUs : 0));
  }
  const counted = [...schedule.ran.values()].filter((each) => each.endUs <= window.toUs);
  const was = Math.max(0, ...counted.map((each) => each.endUs));
  return was - Math.max(0, ...counted.map((each) => ends.get(each.run.step.id) ?? each.endUs));
}
