import type { NodeSpec, SystemSnapshot } from "../../drills/inventory.ts";
import type { Instant } from "../../support/clock.ts";

/** Asks the servers of a system what they are, and changes their roles by SQL. */
export interface Replication {
  /** All nodes at once, each with its own deadline: a hung server must not hold up the others. Never rejects for what a node does. */
  observe(system: SystemSnapshot, nodes: readonly NodeSpec[], options: ObserveOptions): Promise<readonly NodeView[]>;
  /**
   * As `observe`, after the promotions that somebody has asked for (at most `settleMs`): a server that is being promoted says until
   * the end that it is a standby. A node that answers and does not tell whether it is counts as one.
   */
  observeSettled(
    system: SystemSnapshot,
    nodes: readonly NodeSpec[],
    options: ObserveOptions & { readonly settleMs: number },
  ): Promise<Settled>;
  /**
   * `pg_promote(false)`, then asks every 5 ms until it is out of recovery; a paused replay is resumed first. The function's own
   * waiting looks every 100 ms only. That a write is acknowledged may need standbys that follow: `tryWrite` tells.
   * Throws `StepError`: `PG_PROMOTE`, `PG_CONNECT`, `PG_QUERY`.
   */
  promote(system: SystemSnapshot, node: NodeSpec, signal: AbortSignal): Promise<PromotedServer>;
  /**
   * Tells a standby to follow another primary (`primary_conninfo`, reload) and does not wait for it.
   * Throws `StepError`: `FOLLOW_PASSWORD`, `PG_CONNECT`, `PG_QUERY`.
   */
  repoint(system: SystemSnapshot, standby: NodeSpec, primary: NodeSpec, signal: AbortSignal): Promise<void>;
  /** As `repoint`, and returns when it streams. */
  follow(system: SystemSnapshot, standby: NodeSpec, primary: NodeSpec, signal: AbortSignal): Promise<Instant>;
  /** `checkpoint`, so that a stop that follows is short. */
  checkpoint(system: SystemSnapshot, node: NodeSpec, signal: AbortSignal): Promise<void>;
  /**
   * Tries to commit a write over its endpoint, leaving no row. Throws `StepError` when the answer proves neither (`PG_REFUSED`:
   * it does not let us in, but may let others).
   */
  tryWrite(system: SystemSnapshot, node: NodeSpec, timeoutMs: number, signal: AbortSignal): Promise<WriteAnswer>;
}

export interface ObserveOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Settled {
  readonly views: readonly NodeView[];
  /** Names of those that are still being promoted, or may be. */
  readonly promoting: readonly string[];
}

export type NodeView =
  | {
      readonly kind: "unreachable";
      readonly node: NodeSpec;
      readonly at: Instant;
      readonly reason: string;
      /** Its machine says that nobody listens there. Else it may run: frozen, cut off, or starting. */
      readonly closed: boolean;
    }
  | PrimaryView
  | StandbyView;

interface ServerView {
  readonly node: NodeSpec;
  readonly at: Instant;
  readonly major: number;
  readonly systemIdentifier: string;
  /** Its own setting, which may differ from the endpoint's behind an address translation. */
  readonly port: number;
  readonly timeline: number;
}

export interface PrimaryView extends ServerView {
  readonly kind: "primary";
  readonly lsn: string;
  /** Where its timeline began, when it was promoted and not started again since; else null. */
  readonly beganLsn: string | null;
  /** `default_transaction_read_only`. */
  readonly readOnly: boolean;
  readonly senders: readonly {
    /** `application_name`, and the address it comes from. */
    readonly name: string;
    readonly address: string | null;
    readonly state: string;
    readonly sync: string;
    readonly sentLsn: string | null;
    readonly replayLsn: string | null;
    readonly replayLagUs: number | null;
  }[];
}

export interface StandbyView extends ServerView {
  readonly kind: "standby";
  /** Greater of received (and flushed) and replayed. */
  readonly receivedLsn: string | null;
  readonly replayedLsn: string | null;
  readonly replayPaused: boolean;
  /** `receiver`: it streams. `wal`: newest timeline of its segments. `control_file`: where it may not list those; can be older than the truth. */
  readonly timelineFrom: "receiver" | "wal" | "control_file";
  readonly receiver: { readonly status: string; readonly host: string | null; readonly port: number | null } | null;
}

export interface PromotedServer {
  readonly asked: Instant;
  readonly promoted: Instant;
  /** Between the last two looks. */
  readonly resolutionUs: number;
  readonly timeline: number;
  readonly lsn: string;
}

export type WriteAnswer =
  | { readonly kind: "acknowledged" }
  /**
   * The server answered no: in recovery, read-only. `lasting`: nothing says that it will be otherwise in a moment. Not so for a
   * server that is starting, and where nobody was asked: a name that is not found, a secret that is missing.
   */
  | { readonly kind: "refused"; readonly reason: string; readonly lasting: boolean }
  | { readonly kind: "no_answer"; readonly reason: string; readonly lasting: boolean };
