import type { Plan } from "../plan.ts";
import type { Recorded } from "../run-event.ts";
import { sandboxRefSchema } from "../sandbox-ref.ts";
import type { ServerSettings } from "../facts.ts";
import { checkRows, isCheck } from "./checks.ts";
import { cleanupBegin, ofType } from "./journal-view.ts";
import type { StepRun } from "./step-runs.ts";
import { waived } from "./step-runs.ts";
import type { Timeline } from "./timeline.ts";
import type { Deviation } from "./verdict-schema.ts";
import { checkCondition } from "../condition.ts";

interface Sources {
  readonly plan: Plan;
  readonly records: readonly Recorded[];
  readonly runs: readonly StepRun[];
  readonly timeline: Timeline;
}

/** Everything that did not go as a plain run goes, each by itself; those a step noted come first. */
export function deviationsOf(sources: Sources): readonly Deviation[] {
  const noted = ofType(sources.records, "deviation").map(({ data }): Deviation => ({ ...data }));
  return [
    ...noted,
    ...sources.runs.flatMap((run) => ofStep(run, sources.runs)),
    ...openFences(sources.runs, noted),
    ...throwaway(sources, noted),
    ...ofRun(sources),
  ];
}

function ofStep(run: StepRun, runs: readonly StepRun[]): readonly Deviation[] {
  const { id } = run.step;
  if (waived(run, runs) && decidedByPlan(run)) return [];
  if (waived(run, runs)) return [{ code: "STEP_SKIPPED", step: id, message: `skipped: ${run.skipped?.message ?? ""}` }];
  const own: Deviation[] = [];
  if (run.attempts > 1) own.push({ code: "STEP_RETRIED", step: id, message: `needed ${run.attempts} attempts` });
  if (run.late && run.outcome !== "timed_out") {
    own.push({ code: "STEP_LATE", step: id, message: "ended after its deadline, before it could be stopped" });
  }
  if (run.overdue) {
    own.push({ code: "STOP_OVERDUE", step: id, message: "did not stop when told to; the run went on without it" });
  }
  return run.step.required ? own : [...own, ...optional(run)];
}

/**
 * An action left out by a parameter was never part of this drill, and the plan that was agreed to says so. A check left out is always
 * told: less was proven. So is what the run itself decided.
 */
function decidedByPlan({ step }: StepRun): boolean {
  if (step.role === "check" || step.when === null || step.phase === "recover") return false;
  const condition = checkCondition(step.when, "when");
  return condition.kind === "ok" && condition.references.every(({ path }) => path[0] === "params");
}

/** An optional step changes no result, and its failure is never silent. */
function optional(run: StepRun): readonly Deviation[] {
  const { id } = run.step;
  if (isCheck(run)) return optionalCheck(run);
  if (run.outcome === "succeeded") return [];
  if (run.outcome === "skipped" || run.outcome === "not_run") {
    return [{ code: "OPTIONAL_NOT_RUN", step: id, message: run.skipped?.message ?? "did not run" }];
  }
  const why = run.failure === null ? run.outcome : `${run.failure.code} ${run.failure.message}`;
  return [{ code: "OPTIONAL_FAILED", step: id, message: `optional step failed: ${why}` }];
}

function optionalCheck(run: StepRun): readonly Deviation[] {
  const [row] = checkRows([run]);
  if (row === undefined || row.status === "passed") return [];
  const step = row.step;
  if (row.status === "not_run") return [{ code: "OPTIONAL_NOT_RUN", step, message: row.reason ?? "was not run" }];
  const why = row.actual === null ? (row.reason ?? "no answer") : `expected ${row.expected ?? "?"}, saw ${row.actual}`;
  return [
    {
      code: "OPTIONAL_CHECK_FAILED",
      step,
      message: `optional check ${row.status === "failed" ? "failed" : "gave no answer"}: ${why}`,
    },
  ];
}

/** A fence of settings only is weaker than one the kernel holds. */
function openFences(runs: readonly StepRun[], noted: readonly Deviation[]): readonly Deviation[] {
  return runs
    .filter((run) =>
      Object.values(run.outputs ?? {}).some((value) => sandboxRefSchema.safeParse(value).data?.fence === "settings"),
    )
    .filter((run) => !noted.some((each) => each.step === run.step.id && each.code.includes("FENCE")))
    .map((run) => {
      const message = "only the server's settings kept the copy in: this machine gave no network namespace";
      return { code: "SANDBOX_FENCE_SETTINGS", step: run.step.id, message };
    });
}

/** `fsync=off` recovers faster than a real recovery may: a time measured with it is optimistic. */
function throwaway({ plan, records }: Sources, noted: readonly Deviation[]): readonly Deviation[] {
  if (plan.objectives.rtoMs === null || noted.some((each) => each.code.includes("DURABILITY"))) return [];
  const servers = ofType(records, "fact").flatMap(({ data }) =>
    isServer(data.fact) ? [{ step: data.step, fact: data.fact }] : [],
  );
  const last = servers.at(-1);
  if (last?.fact.durability !== "throwaway") return [];
  const message = "the copy ran with fsync off: the recovery time is optimistic";
  return [{ code: "DURABILITY_THROWAWAY", step: last.step, message }];
}

function isServer(fact: { readonly kind: string }): fact is ServerSettings {
  return fact.kind === "server_settings";
}

function ofRun({ records, timeline }: Sources): readonly Deviation[] {
  const cleanup = cleanupBegin(records)?.seq ?? Number.POSITIVE_INFINITY;
  const events = records.flatMap((record): readonly Deviation[] => {
    switch (record.type) {
      case "run.resumed":
        return [
          { code: "RUN_RESUMED", step: null, message: `taken over by another process (epoch ${record.data.epoch})` },
        ];
      case "run.halted":
        return record.seq < cleanup
          ? []
          : [{ code: "HALTED_IN_CLEANUP", step: null, message: `halted during cleanup: ${record.data.reason}` }];
      default:
        return [];
    }
  });
  return [...events, ...ofClock(timeline)];
}

function ofClock(timeline: Timeline): readonly Deviation[] {
  const clock: Deviation[] = [];
  if (timeline.bootChanges > 0) {
    clock.push({
      code: "CLOCK_SUSPECT",
      step: null,
      message: "the machine was restarted during the run: times across it are wall-clock differences",
    });
  }
  if (timeline.wallJumps.length > 0) {
    clock.push({
      code: "WALL_CLOCK_JUMPED",
      step: null,
      message: "this machine's wall clock jumped: no duration changed, every age was widened",
    });
  }
  return clock;
}
