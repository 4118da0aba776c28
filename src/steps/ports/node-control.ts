import type { NodeSpec } from "../../drills/inventory.ts";
import type { Instant } from "../../support/clock.ts";

/** Acts on a server that this machine runs (`dataDir` is set), by signals and files, or by the inventory's `start` and `stop`. */
export interface NodeControl {
  /** Processes that work in the data directory, and the supervisor when asked for. Throws `StepError` `NODE_NOT_LOCAL`, `NODE_HIDDEN`. */
  processes(node: NodeSpec, supervisor: boolean): Promise<NodeProcesses>;
  /** SIGKILL to all of them, the supervisor first, until none is left. `begun` is before the first signal, `done` after the last was gone. */
  kill(node: NodeSpec, options: { readonly supervisor: boolean }, signal: AbortSignal): Promise<Signalled>;
  /** SIGSTOP to all, the postmaster first so that it starts no others. */
  freeze(node: NodeSpec, options: { readonly supervisor: boolean }, signal: AbortSignal): Promise<Signalled>;
  /** SIGCONT to all that are stopped. */
  thaw(node: NodeSpec): Promise<void>;
  /** As asked; after `graceMs` as a crash and then SIGKILL. Says how it ended. Takes frozen ones too. */
  stop(node: NodeSpec, mode: "fast" | "immediate", graceMs: number, signal: AbortSignal): Promise<NodeStopped>;
  /**
   * By the inventory's `start`, else as it was started last (`postmaster.opts`), as the owner of the data directory, in a session of its own: it outlives us.
   * Returns when it accepts connections. Throws `StepError` `NODE_START`.
   */
  start(node: NodeSpec, signal: AbortSignal): Promise<void>;
  /** Where the server that works in its data directory listens, by its own word; null when none runs. */
  port(node: NodeSpec): Promise<number | null>;
  /** Newest one that its data directory knows of, whether it runs or not. */
  timeline(node: NodeSpec): Promise<number>;
  /** Whether one of its processes runs; stopped (SIGSTOP) ones do. */
  running(node: NodeSpec): Promise<boolean>;
  /** Whether one of them, or its supervisor, is stopped (SIGSTOP). */
  frozen(node: NodeSpec): Promise<boolean>;
  /** `standby.signal`: whoever starts it now gets a read-only standby, not a second primary. */
  holdBack(node: NodeSpec): Promise<void>;
  /** Undoes `holdBack`, and leaves a `standby.signal` that others made. */
  letGo(node: NodeSpec): Promise<void>;
  /** Whether there is a `standby.signal`, whoever made it. */
  heldBack(node: NodeSpec): Promise<boolean>;
}

export interface NodeProcesses {
  readonly pids: readonly number[];
  readonly supervisor: number | null;
}

export interface Signalled {
  readonly begun: Instant;
  readonly done: Instant;
  readonly processes: number;
}

export type NodeStopped =
  | { readonly kind: "was_down" }
  /** `forced`: it did not end within its grace. `lastCheckpointLsn` from its control file; `clean`: shut down in order. */
  | {
      readonly kind: "stopped";
      readonly forced: boolean;
      readonly clean: boolean;
      readonly lastCheckpointLsn: string;
      readonly begun: Instant;
      readonly done: Instant;
    };
