import type { JsonObject } from "../support/json.ts";
import type { PhaseName } from "./phases.ts";
import type { Effect, ResourceKind, StepRole } from "./step-signature.ts";
import type { SystemSnapshot } from "./inventory.ts";
import type { StopCondition } from "./stop-condition.ts";

/**
 * The plan: what a playbook, an inventory and parameters come to. Frozen, versioned, plain JSON; its
 * identity is `sha256(JCS(plan))` without `source` and the steps' `line` (see `planSha256`). A run is pinned to its plan: nothing of the playbook is read again.
 */
export interface Plan {
  readonly schemaVersion: "firedrill/plan/v1";
  readonly name: string;
  readonly title: string;
  readonly owner: string | null;
  readonly controls: readonly string[];
  readonly objectives: Objectives;
  readonly guardrails: Guardrails;
  /** Resolved parameters, defaults filled in. */
  readonly params: JsonObject;
  /** The system under drill (`--system`), or null for a playbook that names none. */
  readonly system: SystemSnapshot | null;
  /** Every system of the inventory: what isolation probes must not reach. */
  readonly inventory: readonly SystemSnapshot[];
  /** Only phases that have steps, in drill order. */
  readonly phases: readonly PlanPhase[];
  /** In playbook order. */
  readonly steps: readonly PlanStep[];
  readonly source: PlanSource;
}

export interface PlanSource {
  readonly playbookPath: string;
  readonly playbookSha256: string;
  readonly inventoryPath: string | null;
  readonly inventorySha256: string | null;
}

export interface Objectives {
  /** Null: no objective was set, nothing is judged. */
  readonly rtoMs: number | null;
  readonly rpoMs: number | null;
  readonly holdMs: number;
  /** Which duration the RTO verdict compares: T6-T0 or T6-T3. */
  readonly clock: "total" | "technical";
  /** Who set each target: the playbook or the inventory. */
  readonly setBy: { readonly rto: "playbook" | "inventory" | null; readonly rpo: "playbook" | "inventory" | null };
}

export interface Guardrails {
  readonly allowProduction: boolean;
  readonly stopWhen: readonly StopCondition[];
}

export interface PlanPhase {
  readonly name: PhaseName;
  /** Deadline of the whole phase, milliseconds: written, or the sum of what its steps may take. */
  readonly timeoutMs: number;
  /** `stop`: a required step that does not succeed ends the phase. `continue`: the others still run (verify). */
  readonly onFailure: "stop" | "continue";
}

export interface PlanStep {
  readonly id: string;
  readonly title: string;
  readonly phase: PhaseName;
  readonly uses: string;
  readonly role: StepRole;
  readonly effect: Effect;
  readonly idempotent: boolean;
  readonly required: boolean;
  readonly creates: readonly ResourceKind[];
  /** Parameters and system values are substituted; `${{ steps.* }}` and `${{ run.* }}` remain as text. */
  readonly with: JsonObject;
  /** Ids that must have SUCCEEDED (else this step is skipped). Same phase. Written as `needs:`. */
  readonly needs: readonly string[];
  /** Id of the step before it in its phase, which must have ENDED; null when `needs` is written or it is first. */
  readonly after: string | null;
  /** CEL over `params`, `system`, `steps`, `run`; null: always. False: the step is skipped. */
  readonly when: string | null;
  /** CEL over `outputs` and the same; false turns the outcome into a failed check. */
  readonly expect: string | null;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  /** Where it stands in the playbook, for messages. */
  readonly line: number;
}

export interface RetryPolicy {
  /** Including the first; 1 means no retry. */
  readonly attempts: number;
  readonly delayMs: number;
  /** Error classes that are tried again. */
  readonly on: readonly RetryableClass[];
}
export type RetryableClass = "transient" | "timeout";
