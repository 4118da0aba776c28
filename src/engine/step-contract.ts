import type { z } from "zod";
import type { Fact, Promotion, ReplicationState, Service } from "../drills/facts.ts";
import type { SystemSnapshot } from "../drills/inventory.ts";
import type { PhaseName } from "../drills/phases.ts";
import type { Progress } from "../drills/progress.ts";
import type { CheckDetail, MarkRecord, Resource } from "../drills/run-event.ts";
import type { StepSignature } from "../drills/step-signature.ts";
import type { TrafficRef } from "../drills/traffic-ref.ts";
import type { Clock } from "../support/clock.ts";
import type { JsonObject } from "../support/json.ts";
import type { Log } from "../support/log.ts";

/** What the engine hands a step while it runs. Every promise resolves when the record is durable. */
export interface StepContext {
  readonly runId: string;
  /** Absolute folder of the run; what a step leaves in it is evidence. */
  readonly runDir: string;
  readonly planSha256: string;
  readonly stepId: string;
  readonly phase: PhaseName;
  readonly attempt: number;
  /** Fencing epoch of this orchestrator; rises with every take-over of the run. */
  readonly epoch: number;
  readonly installation: string;
  /** Same for every attempt after a crash of the same step and attempt. */
  readonly idempotencyKey: string;
  /** Aborted at the deadline, on halt, and when the phase stops. */
  readonly signal: AbortSignal;
  readonly deadlineMonoUs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly system: SystemSnapshot | null;
  readonly inventory: readonly SystemSnapshot[];
  /** Deterministic in the run's seed, the step and the attempt; [0, 1). */
  random(): number;
  /** Services recorded so far, oldest first. */
  services(): readonly Service[];
  /** Marks recorded so far, oldest first. */
  marks(): readonly MarkRecord[];
  /** Traffic that was started last; null when none was. */
  traffic(): TrafficRef | null;
  /** The newest observation of replication; null when there was none. */
  replication(): ReplicationState | null;
  /** The newest promotion on record; null when there was none. */
  promotion(): Promotion | null;
  /** Nodes that were fenced in this run, and neither rebuilt nor promoted since. */
  fenced(): readonly string[];
  mark(mark: MarkRecord): Promise<void>;
  fact(fact: Fact): Promise<void>;
  deviation(code: string, message: string): Promise<void>;
  /** Stops the run into its cleanup in the name of a person; the step returns or throws as it likes. */
  halt(reason: string, who: string | null): void;
  /**
   * Throws `StepError("permanent", "STALE_EPOCH")` when this orchestrator does not hold the system any more. Disruptive
   * steps call it right before each act on the system.
   */
  requireCurrent(): Promise<void>;
  readonly ledger: Ledger;
  /** Shown live, never journaled. */
  progress(progress: Progress): void;
  /** Resolves `env:` and `file:` references; the value is known to the redactor from then on. */
  secret(ref: string): Promise<string>;
}

/** Plan before it exists, created when it does: cleanup works from this and nothing else. */
export interface Ledger {
  plan(resource: Pick<Resource, "kind" | "title" | "ttlMs" | "locator">): Promise<Resource>;
  created(id: string, locator: JsonObject): Promise<void>;
  /**
   * Removes what a step of this run made before the cleanup would, in the same order and with the same proof. What cannot be
   * removed stays for the cleanup. Throws `StepError` `NOT_REMOVED`.
   */
  remove(step: string, kind: Resource["kind"]): Promise<LedgerRemoval>;
}

export type LedgerRemoval =
  /** How each was proven gone; none when all were gone before. */
  | { readonly kind: "gone"; readonly proofs: readonly string[] }
  /** The step planned nothing of this kind. */
  | { readonly kind: "nothing" };

export type StepResult<O> =
  | { readonly kind: "done"; readonly outputs: O }
  | { readonly kind: "check"; readonly passed: boolean; readonly outputs: O; readonly check: CheckDetail };

/** What the world says of an effect whose outcome was not journaled. */
export type Reconciliation<O> =
  | { readonly kind: "happened"; readonly outputs: O }
  | { readonly kind: "did_not_happen" }
  | { readonly kind: "unknown"; readonly message: string };

export interface Step<I extends z.ZodObject = z.ZodObject, O extends z.ZodObject = z.ZodObject> extends StepSignature {
  readonly with: I;
  readonly outputs: O;
  run(input: z.output<I>, ctx: StepContext): Promise<StepResult<z.input<O>>>;
  reconcile?(input: z.output<I>, ctx: StepContext): Promise<Reconciliation<z.input<O>>>;
}

/** Types a step from its schemas; adds nothing. */
export function defineStep<I extends z.ZodObject, O extends z.ZodObject>(step: Step<I, O>): Step<I, O> {
  return step;
}

/** Removes one kind of resource and proves it gone. Both calls are idempotent. */
export interface ResourceKeeper {
  readonly kind: Resource["kind"];
  /** Everything of this kind that bears the installation's id, whether a ledger knows it or not. */
  list(installation: string, signal: AbortSignal): Promise<readonly FoundResource[]>;
  destroy(locator: JsonObject, signal: AbortSignal): Promise<void>;
  /** Asks the world; the answer's text goes into the record (`verifiedBy`). */
  verifyGone(locator: JsonObject, signal: AbortSignal): Promise<{ readonly gone: boolean; readonly how: string }>;
}

export interface FoundResource {
  readonly run: string;
  readonly title: string;
  readonly locator: JsonObject;
  /** True when the orchestrator named in its label is alive (pid, start time and boot id match). */
  readonly ownerAlive: boolean;
}
