import type { z } from "zod";
import type { JsonObject } from "../support/json.ts";
import type { PhaseName } from "./phases.ts";

/**
 * What may a step touch? `read` changes nothing; `sandbox` creates and changes only what this run made;
 * `disruptive` changes a system of the inventory and stands behind the guards of `docs/safety.md`.
 */
export type Effect = "read" | "sandbox" | "disruptive";

/** A `check` answers a question about the recovered service; its "no" is a result, not a breakdown. */
export type StepRole = "action" | "check";

/** Kinds of things a run can leave behind; every one has a keeper that can remove it and prove it gone. */
export type ResourceKind =
  | "sandbox-process"
  | "directory"
  | "backup-directory"
  /** Writers or prober of `traffic/start`. */
  | "traffic-process"
  /** The canary's tables in the system under drill. */
  | "canary-table"
  /** Something broken on purpose: to remove it is to undo it. */
  | "fault"
  /** A process group of `command/run`, and its undo. */
  | "command";

/** What the planner, the documentation and the JSON Schema know of a step: everything but its code. */
export interface StepSignature {
  /** What a playbook writes after `uses:`, `family/name`. */
  readonly uses: string;
  /** One sentence, shown by `firedrill steps`. */
  readonly summary: string;
  readonly role: StepRole;
  readonly effect: Effect;
  /** True: may simply run again after a crash. False: `reconcile` asks the world first. */
  readonly idempotent: boolean;
  /** Input. Every property carries `.describe()`; durations are strings such as `15m` parsed by `durationMs()`. */
  readonly with: z.ZodObject;
  /** Output, JSON values only; what `${{ steps.<id>.outputs.<path> }}` can name. */
  readonly outputs: z.ZodObject;
  /** Resources it plans in the ledger; shown by `firedrill plan`. */
  readonly creates: readonly ResourceKind[];
  /** Phases it may stand in; all when absent. */
  readonly phases?: readonly PhaseName[];
  /** Default timeout in milliseconds; a step without one must be given a `timeout:` in the playbook. */
  readonly defaultTimeoutMs?: number;
  /** Timeout of a step whose own input says how long it may take; comes before `defaults.timeout`. Null: the input does not say. */
  readonly timeoutFor?: (input: JsonObject) => number | null;
  /** Whether the step needs `--system` (reads `ctx.system`). */
  readonly needsSystem: boolean;
}

/** All steps by their `uses` name. */
export type StepCatalogue = ReadonlyMap<string, StepSignature>;
