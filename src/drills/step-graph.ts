import type { WrittenStep } from "./playbook-steps.ts";
import { PHASES } from "./phases.ts";

/** Who waits for whom. Within a phase: `needs`, else the step written before. Between phases: the barrier. */
export interface StepGraph {
  /** First step of each id. */
  readonly byId: ReadonlyMap<string, WrittenStep>;
  /** The step before it, when it waits for that; null otherwise. */
  after(step: WrittenStep): WrittenStep | null;
  /** Steps of its phase it waits for directly. */
  waitsFor(step: WrittenStep): readonly WrittenStep[];
  /** Has `earlier` ended, whatever happens, when `step` starts? */
  isBefore(earlier: WrittenStep, step: WrittenStep): boolean;
}

export function stepGraph(steps: readonly WrittenStep[]): StepGraph {
  const byId = new Map<string, WrittenStep>();
  for (const step of steps) if (!byId.has(step.id)) byId.set(step.id, step);
  const before = new Map(steps.map((step, index) => [step, steps[index - 1]]));
  const after = (step: WrittenStep): WrittenStep | null => {
    const previous = before.get(step);
    return step.spec?.needs === undefined && previous?.phase === step.phase ? previous : null;
  };
  const waitsFor = (step: WrittenStep): readonly WrittenStep[] => {
    const previous = after(step);
    const needed = (step.spec?.needs ?? [])
      .flatMap((id) => byId.get(id) ?? [])
      .filter((other) => other.phase === step.phase);
    return previous === null ? needed : [previous, ...needed];
  };
  const isBefore = (earlier: WrittenStep, step: WrittenStep): boolean =>
    earlier.phase === step.phase
      ? reaches(step, earlier, waitsFor)
      : PHASES.indexOf(earlier.phase) < PHASES.indexOf(step.phase);
  return { byId, after, waitsFor, isBefore };
}

function reaches(from: WrittenStep, to: WrittenStep, next: StepGraph["waitsFor"]): boolean {
  const seen = new Set<WrittenStep>();
  const open = [...next(from)];
  for (let step = open.pop(); step !== undefined; step = open.pop()) {
    if (step === to) return true;
    if (seen.has(step)) continue;
    seen.add(step);
    open.push(...next(step));
  }
  return false;
}

/** Steps that wait for each other, each ring once, in the order they wait; the last waits for the first. */
export function findCycles(steps: readonly WrittenStep[], graph: StepGraph): readonly (readonly WrittenStep[])[] {
  const cycles: (readonly WrittenStep[])[] = [];
  const done = new Set<WrittenStep>();
  for (const start of steps) {
    const trail: WrittenStep[] = [];
    const onTrail = new Map<WrittenStep, number>();
    const pending: { readonly step: WrittenStep; readonly next: WrittenStep[] }[] = [];
    const enter = (step: WrittenStep): void => {
      onTrail.set(step, trail.length);
      trail.push(step);
      pending.push({ step, next: [...graph.waitsFor(step)] });
    };
    if (!done.has(start)) enter(start);
    for (let top = pending.at(-1); top !== undefined; top = pending.at(-1)) {
      const next = top.next.pop();
      if (next === undefined) {
        pending.pop();
        trail.pop();
        onTrail.delete(top.step);
        done.add(top.step);
        continue;
      }
      const at = onTrail.get(next);
      if (at !== undefined) cycles.push(trail.slice(at));
      else if (!done.has(next)) enter(next);
    }
  }
  return cycles;
}
