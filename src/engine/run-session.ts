import type { Plan, PlanStep } from "../drills/plan.ts";
import { FiredrillError } from "../support/errors.ts";
import type { RunState } from "../machines/run-chart.ts";
import type { EngineDeps, Limits } from "./engine-deps.ts";
import type { RunLog } from "./run-log.ts";
import type { RunMemory } from "./run-memory.ts";
import type { RunHold } from "./state/run-hold.ts";
import type { SystemLease } from "./state/system-lease.ts";
import type { Step } from "./step-contract.ts";

/** One run in the hands of this process, which holds its lock. */
export interface RunSession {
  readonly runId: string;
  readonly dir: string;
  readonly plan: Plan;
  readonly planSteps: ReadonlyMap<string, PlanStep>;
  readonly epoch: number;
  /** Of the run itself. */
  readonly hold: RunHold;
  /** Null for a plan that changes no system. */
  readonly lease: SystemLease | null;
  /** Changed by `log.record` only. */
  readonly state: RunState;
  readonly memory: RunMemory;
  readonly log: RunLog;
  readonly deps: EngineDeps;
  readonly limits: Limits;
}

/** A step of the plan with its code. Throws `STEP_UNKNOWN` when this program does not have it. */
export function stepOf(session: RunSession, id: string): { readonly step: PlanStep; readonly definition: Step } {
  const step = session.planSteps.get(id);
  const definition = step === undefined ? undefined : session.deps.steps.get(step.uses);
  if (step !== undefined && definition !== undefined) return { step, definition };
  throw new FiredrillError(
    "STEP_UNKNOWN",
    `The plan's step ${id} uses ${step?.uses ?? "nothing"}, which this program does not have.`,
    {
      hint: "Use the version of Firedrill (and the plugins) that made the plan.",
    },
  );
}
