import type { JsonObject, JsonValue } from "../support/json.ts";
import type { Fact } from "./facts.ts";
import type { MarkName } from "./marks.ts";
import type { PhaseName } from "./phases.ts";
import type { ResourceKind } from "./step-signature.ts";

/**
 * Everything that can happen in a run. An event is a journal record's `type` and `data`. The first group
 * drives the charts; the second are facts the measurement reads. Integers only (microseconds, bytes,
 * counts): the journal's hash must not depend on a float's spelling. LSNs are strings `16/B374D848`.
 */
export type RunEvent = ChartEvent | NoteEvent;

export type ChartEvent =
  | Event<"run.started", RunStarted>
  | Event<"phase.begun", { readonly phase: PhaseName; readonly deadlineMonoUs: number }>
  | Event<"phase.deadline_passed", { readonly phase: PhaseName }>
  /** The intent: durable before the effect begins. */
  | Event<
      "step.started",
      { readonly step: string; readonly attempt: number; readonly key: string; readonly deadlineMonoUs: number }
    >
  | Event<"step.skipped", { readonly step: string; readonly reason: SkipReason; readonly message: string }>
  /** The guards of a disruptive step answered, once for every attempt. */
  | Event<"step.guard_passed", { readonly step: string; readonly attempt: number }>
  | Event<"step.guard_refused", { readonly step: string; readonly attempt: number; readonly message: string }>
  | Event<
      "step.succeeded",
      {
        readonly step: string;
        readonly attempt: number;
        readonly outputs: JsonObject;
        readonly check: CheckDetail | null;
      }
    >
  /** A check that answered "no", or an `expect:` that is false. */
  | Event<
      "step.check_failed",
      { readonly step: string; readonly attempt: number; readonly outputs: JsonObject; readonly check: CheckDetail }
    >
  | Event<"step.errored", { readonly step: string; readonly attempt: number; readonly error: StepFailure }>
  | Event<"step.retry_scheduled", { readonly step: string; readonly attempt: number; readonly dueMonoUs: number }>
  | Event<"step.retry_due", { readonly step: string; readonly attempt: number }>
  | Event<"step.deadline_passed", { readonly step: string; readonly attempt: number }>
  /** The effect ended after it was told to stop. */
  | Event<"step.stopped", { readonly step: string; readonly attempt: number }>
  /** The effect was told to stop and did not within the grace period; cleanup goes on without it. */
  | Event<"step.stop_overdue", { readonly step: string; readonly attempt: number }>
  /** After a crash the world could not tell what a non-idempotent effect did: a person must look. */
  | Event<"step.in_doubt", { readonly step: string; readonly attempt: number; readonly message: string }>
  | Event<"run.halted", { readonly by: HaltSource; readonly reason: string; readonly who: string | null }>
  | Event<"stopping.deadline_passed", Record<never, never>>
  | Event<"cleanup.begun", { readonly deadlineMonoUs: number }>
  | Event<"cleanup.deadline_passed", Record<never, never>>
  | Event<"cleanup.finished", { readonly leftovers: number }>;

export type NoteEvent =
  | Event<"run.resumed", { readonly epoch: number; readonly pid: number; readonly clockSuspect: boolean }>
  | Event<"run.finished", { readonly result: string; readonly exitCode: number }>
  | Event<"mark", MarkRecord>
  | Event<"fact", { readonly step: string; readonly fact: Fact }>
  | Event<"deviation", { readonly step: string | null; readonly code: string; readonly message: string }>
  | Event<"resource.planned", { readonly resource: Resource }>
  | Event<"resource.created", { readonly id: string; readonly locator: JsonObject }>
  | Event<"resource.destroyed", { readonly id: string; readonly verifiedBy: string }>
  | Event<"resource.leftover", { readonly id: string; readonly reason: string }>;

interface Event<T extends string, D> {
  readonly type: T;
  readonly data: D;
}

export interface RunStarted {
  readonly runId: string;
  readonly installation: string;
  readonly planSha256: string;
  readonly mode: "real" | "simulated";
  readonly tool: string;
  readonly host: string;
  readonly user: string;
  readonly pid: number;
  readonly trigger: string;
  /** Seed of every random choice of the run (jitter, random backup). */
  readonly seed: string;
  /** Name of the system as a person typed or passed it; null when nobody did. */
  readonly confirmed: string | null;
  /** What the run is pinned to besides its plan; absent in journals of programs that did not write it. */
  readonly definitions?: Definitions;
}

/** Hashes (sha256, the first 16 digits) of what decides how a journal is read and a run goes on. */
export interface Definitions {
  /** Of the drill's chart and of its steps' charts. */
  readonly charts: string;
  /** Of the events and facts that a journal can hold. */
  readonly events: string;
  /** Of each step that the plan uses, by its name: effect, whether it may run again, inputs, outputs. */
  readonly steps: Readonly<Record<string, string>>;
}

export type SkipReason = "condition" | "needs_not_met" | "phase_stopped" | "halted";
export type HaltSource = "signal" | "halt" | "guard" | "deadline" | "recovery";

/** What a check expected and saw. Texts are for people; no row values beyond the declared query's single answer. */
export interface CheckDetail {
  readonly title: string;
  readonly expected: string;
  readonly actual: string;
  /** What it looked at: `{ checked: 12, total: 14, unit: "tables" }`. */
  readonly coverage: { readonly checked: number; readonly total: number; readonly unit: string } | null;
}

/**
 * Who is to blame decides the verdict. `subject`: what is drilled is broken (damaged backup): the drill worked and the
 * result is failed. `transient` and `permanent`: the drill itself broke: error. `timeout`: a deadline.
 */
export type FailureClass = "subject" | "transient" | "permanent" | "timeout";
export interface StepFailure {
  readonly class: FailureClass;
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  readonly details: JsonObject;
}

export interface MarkRecord {
  readonly mark: MarkName;
  readonly wallUs: number;
  readonly monoUs: number;
  /** Which clock said so: `orchestrator`, `database`, `prober`. */
  readonly source: string;
  /** The poll or probe interval that could hide the true instant: it lies in [value - resolutionUs, value]. */
  readonly resolutionUs: number;
  readonly note: string | null;
}

/** Something a run makes and must remove. Planned in the journal before it exists. */
export interface Resource {
  readonly id: string;
  readonly kind: ResourceKind;
  readonly step: string;
  readonly title: string;
  readonly labels: { readonly installation: string; readonly run: string; readonly epoch: number };
  readonly ttlMs: number;
  /** What the keeper needs to find it even when `created` was never journaled. */
  readonly locator: JsonObject;
}

/** A journal line. `hash = sha256(JCS(record without hash))`, `prev` of the first record is 64 zeros. */
export interface JournalRecord {
  readonly v: 1;
  readonly seq: number;
  readonly run: string;
  readonly epoch: number;
  readonly prev: string;
  readonly wall: number;
  readonly mono_us: number;
  readonly boot: string;
  readonly type: RunEvent["type"];
  readonly data: JsonValue;
  readonly hash: string;
}

/** A record as pure code reads it: typed event with its instant. */
export type Recorded<E extends RunEvent = RunEvent> = E & {
  readonly seq: number;
  readonly epoch: number;
  readonly boot: string;
  readonly wallUs: number;
  readonly monoUs: number;
};
