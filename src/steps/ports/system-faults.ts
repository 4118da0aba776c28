import type { DatabaseRef } from "../../drills/database-ref.ts";
import type { Endpoint } from "../../drills/inventory.ts";
import type { JsonObject } from "../../support/json.ts";
import type { Instant } from "../../support/clock.ts";

/** Faults of the machine around a server. Each has a locator made before it is put in, by which it is undone and proven undone. */
export interface SystemFaults {
  /** Packets to and from a port are dropped, not refused. */
  readonly network: {
    /** Throws `StepError` `FAULT_UNAVAILABLE` when this machine or user cannot. */
    plan(endpoint: Endpoint, run: string): Promise<JsonObject>;
    drop(locator: JsonObject, signal: AbortSignal): Promise<Injected>;
    /** Whether packets are dropped now. */
    dropped(locator: JsonObject, signal: AbortSignal): Promise<boolean>;
  };
  /** A file system without room. */
  readonly disk: {
    /** Throws `StepError` `FAULT_REFUSED` for a file system that others need too. */
    plan(dir: string, leaveBytes: number, maxBytes: number, scope: DiskScope): Promise<JsonObject>;
    fill(locator: JsonObject, signal: AbortSignal): Promise<Injected>;
  };
  /** A standby that receives nothing any more, and does not know it from a quiet primary. */
  readonly replication: {
    plan(standby: DatabaseRef, run: string, signal: AbortSignal): Promise<PlannedCut>;
    /** Returns when no WAL can arrive any more. */
    cut(locator: JsonObject, signal: AbortSignal): Promise<Injected>;
    isCut(locator: JsonObject, signal: AbortSignal): Promise<boolean>;
  };
}

export interface DiskScope {
  readonly run: string;
  /** Folders that must keep their room: other servers, the run's own record. */
  readonly needed: readonly string[];
}

export interface PlannedCut {
  readonly locator: JsonObject;
  /** The standby also reads WAL from an archive. */
  readonly archive: boolean;
}

export interface Injected {
  readonly begun: Instant;
  readonly done: Instant;
  readonly detail: string;
}
