import type { NodeSpec } from "../../drills/inventory.ts";
import type { Instant } from "../../support/clock.ts";

/** The REST API of Patroni 3 and 4, one node's at a time. */
export interface Patroni {
  /** `GET /patroni` and `GET /cluster`. Never rejects for what the node does. */
  look(node: PatroniNode, options: PatroniLimits): Promise<PatroniLook>;
  /**
   * `POST /switchover` or `POST /failover`. Patroni answers when it is over, or after 20 s (or twice its `loop_wait`) without having
   * seen the end: an answer other than `refused` says little, the cluster has to be asked. Never rejects for what the node does.
   */
  ask(node: PatroniNode, request: PatroniRequest, options: PatroniLimits & PatroniLogin): Promise<PatroniReply>;
}

/** A node whose `patroni` the inventory names. */
export interface PatroniNode extends NodeSpec {
  readonly patroni: string;
}

export interface PatroniLimits {
  /** For all of it: connect, answer, read. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface PatroniLogin {
  /** `restapi.authentication` of Patroni; null where it has none. */
  readonly login: { readonly user: string; readonly password: string } | null;
}

export type PatroniRequest =
  | { readonly kind: "switchover"; readonly leader: string; readonly candidate: string | null }
  | { readonly kind: "failover"; readonly candidate: string };

export type PatroniLook =
  | {
      readonly kind: "silent";
      readonly node: PatroniNode;
      readonly asked: Instant;
      readonly at: Instant;
      readonly reason: string;
    }
  | PatroniAnswer;

export interface PatroniAnswer {
  readonly kind: "answered";
  readonly node: PatroniNode;
  readonly asked: Instant;
  readonly at: Instant;
  /** As its server says at this moment; `primary`: out of recovery. */
  readonly role: "primary" | "replica" | "other";
  /** `running`, `streaming`, `starting`, `stopped`, `crashed`, `unknown`, ... */
  readonly state: string;
  readonly cluster: PatroniView;
}

/** The cluster as the node reads it in the configuration store; `unknown`: it cannot. */
export type PatroniView =
  | { readonly kind: "known"; readonly members: readonly PatroniMember[]; readonly paused: boolean }
  | { readonly kind: "unknown"; readonly reason: string };

export interface PatroniMember {
  readonly name: string;
  /** `leader`, `standby_leader`, `sync_standby`, `quorum_standby`, `replica`. */
  readonly role: string;
  /** As the member wrote it itself, up to one `loop_wait` ago. */
  readonly state: string;
  readonly host: string | null;
  readonly port: number | null;
  readonly apiUrl: string | null;
  readonly lagBytes: number | null;
  /** Its tags forbid that it becomes the leader (`nofailover`, `failover_priority: 0`). */
  readonly nofailover: boolean;
}

export type PatroniReply =
  /** 200, 202. */
  | { readonly kind: "done"; readonly text: string }
  /** 400, 404, 409, 412: it has not begun. */
  | { readonly kind: "refused"; readonly status: number; readonly text: string }
  /** 401, 403. */
  | { readonly kind: "denied"; readonly status: number; readonly text: string }
  /** 503 and whatever else: "failed" or "status unknown"; it may still happen. */
  | { readonly kind: "failed"; readonly status: number; readonly text: string }
  /** `sent` false: nobody has read the request. */
  | { readonly kind: "no_answer"; readonly sent: boolean; readonly reason: string };
