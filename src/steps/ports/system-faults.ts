import type { Endpoint } from "../../drills/inventory.ts";
import type { JsonObject } from "../../support/json.ts";
import type { Instant } from "../../support/clock.ts";

/** Faults of the machine around a server. Each has a locator made before it is put in, by which it is undone and proven undone. */
export interface SystemFaults {
  /** Packets to and from a port are dropped, not refused. */
  readonly network: {
    plan(endpoint: Endpoint, title: string): Promise<JsonObject>;
    /** Throws `StepError` `FAULT_UNAVAILABLE` when this machine or user cannot. */
    drop(locator: JsonObject, signal: AbortSignal): Promise<Injected>;
  };
  /** A file system without room. */
  readonly disk: {
    /** Throws `StepError` `FAULT_REFUSED` for a file system that others need too. */
    plan(dir: string, leaveBytes: number, maxBytes: number): Promise<JsonObject>;
    fill(locator: JsonObject, signal: AbortSignal): Promise<Injected>;
  };
}

export interface Injected {
  readonly begun: Instant;
  readonly done: Instant;
  readonly detail: string;
}
