import type { Duration } from "./clock-schema.ts";
import type { StepRun } from "./step-runs.ts";
import type { CriticalPath, StepResultRow } from "./steps-schema.ts";
import { momentOf, type Timeline } from "./timeline.ts";

/** The result's row for every step of the plan, in its order. */
export function stepRows(runs: readonly StepRun[], timeline: Timeline, path: CriticalPath): readonly StepResultRow[] {
  const parts = new Map(path.contributions.map((each) => [each.step, each]));
  return runs.map((run): StepResultRow => {
    const { id, title, phase, uses, role, effect, required } = run.step;
    const part = parts.get(id);
    return {
      id,
      title,
      phase,
      uses,
      role,
      effect,
      required,
      outcome: run.outcome,
      attempts: run.attempts,
      startedAtUs: run.firstStart === null ? null : timeline.at(momentOf(run.firstStart)),
      endedAtUs: run.firstStart === null || run.end === null ? null : timeline.at(momentOf(run.end)),
      startedWallUs: run.firstStart?.wallUs ?? null,
      endedWallUs: run.firstStart === null ? null : (run.end?.wallUs ?? null),
      duration: durationOf(run, timeline),
      criticalUs: part?.criticalUs ?? 0,
      criticalSharePermille: part?.sharePermille ?? 0,
      failure: failureOf(run),
      skipped: run.skipped,
    };
  });
}

function durationOf(run: StepRun, timeline: Timeline): Duration {
  if (run.firstStart === null) return { status: "not_measured", reason: "it did not start" };
  if (run.end === null) return { status: "not_measured", reason: "it did not end" };
  return timeline.between(momentOf(run.firstStart), momentOf(run.end));
}

function failureOf(run: StepRun): StepResultRow["failure"] {
  if (run.failure === null) return null;
  const { code, message, hint } = run.failure;
  return { class: run.failure.class, code, message, hint };
}
