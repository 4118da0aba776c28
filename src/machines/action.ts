import type { PhaseName } from "../drills/phases.ts";
import type { SkipReason } from "../drills/run-event.ts";

/**
 * What the charts ask of the engine. Each is answered by the record named beside it; until then it is outstanding
 * (`outstanding`), which is also what a crashed run has to do again.
 */
export type Action =
  /** `phase.begun`. */
  | { readonly type: "beginPhase"; readonly phase: PhaseName }
  /**
   * A disruptive step only, before every attempt. The engine works out `when` first: `step.skipped` (condition), or else
   * `step.guard_passed` or `step.guard_refused`.
   */
  | { readonly type: "checkGuard"; readonly step: string; readonly attempt: number }
  /**
   * `step.skipped` (condition, first attempt only), `step.started`, or `step.errored` when the condition or the input cannot
   * be worked out. The effect begins only if the step is `running` after `step.started` was folded: a stop may have come first.
   */
  | { readonly type: "startStep"; readonly step: string; readonly attempt: number }
  /** `step.skipped` with this reason. */
  | { readonly type: "skipStep"; readonly step: string; readonly reason: SkipReason }
  /** `step.retry_scheduled` and later `step.retry_due`, both with this attempt, which is the next one. */
  | { readonly type: "scheduleRetry"; readonly step: string; readonly attempt: number }
  /** `step.stopped`, or `step.stop_overdue` when the grace period is over. An outcome that is there already may come instead. */
  | { readonly type: "stopStep"; readonly step: string; readonly attempt: number }
  /** `stopping.deadline_passed`, if it comes to that. */
  | { readonly type: "armStoppingDeadline" }
  /** `cleanup.begun`, then `cleanup.finished` or `cleanup.deadline_passed`. */
  | { readonly type: "beginCleanup" }
  /** `run.finished`. Nothing is asked after this. */
  | { readonly type: "finish" };
