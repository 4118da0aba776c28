import type { ClientPath } from "../../drills/client-path.ts";
import type { CanaryLoss, ClientOutages } from "../../drills/facts.ts";
import type { TrafficRef } from "../../drills/traffic-ref.ts";
import type { Instant } from "../../support/clock.ts";
import type { JsonObject } from "../../support/json.ts";

/**
 * Canary writers and a prober, as processes of their own that outlive this one and keep what they know on disk. Their
 * ledger and log are files in `TrafficRef.dir`; every answer here is read from those.
 */
export interface Traffic {
  /** Chooses names; makes nothing. Ledger entries are made from the locators before `prepare` and `start`. */
  plan(request: TrafficRequest): PlannedTraffic;
  /** Makes the folder, the schema and the tables on the client path. Idempotent. Throws `StepError`: `PG_CONNECT`, `PG_QUERY`. */
  prepare(planned: PlannedTraffic, signal: AbortSignal): Promise<void>;
  /**
   * Starts both processes, or finds those that run already; resolves when every writer had an acknowledgement and the prober a good
   * read and write. Throws `StepError`: `TRAFFIC_START` with what stood in their way.
   */
  start(planned: PlannedTraffic, signal: AbortSignal): Promise<TrafficRef>;
  /** Follows the prober's log from its begin. */
  watch(traffic: TrafficRef): Promise<TrafficWatch>;
  /** Newest position a writer was told with an acknowledgement: the old primary had come at least this far. Null: none. */
  position(traffic: TrafficRef): Promise<{ readonly lsn: string; readonly at: Instant } | null>;
  /** Ends writers, or writers and prober, and returns when they are gone. What was not answered by then counts as unknown. */
  stop(traffic: TrafficRef, what: "writers" | "all", signal: AbortSignal): Promise<void>;
  /** Reads every marker back on the client path and puts it in its class. The writers must have been stopped. */
  settle(traffic: TrafficRef, t0: Instant | null, signal: AbortSignal): Promise<Omit<CanaryLoss, "kind">>;
  outages(traffic: TrafficRef): Promise<Omit<ClientOutages, "kind">>;
}

export interface TrafficRequest {
  readonly runId: string;
  readonly runDir: string;
  readonly installation: string;
  readonly step: string;
  readonly path: ClientPath;
  readonly writers: number;
  readonly intervalUs: number;
  readonly payloadBytes: number;
  readonly synchronousCommit: string | null;
  readonly probeIntervalUs: number;
  readonly connectTimeoutUs: number;
  readonly answerTimeoutUs: number;
  /** They end by themselves after it, whatever becomes of us. */
  readonly ttlMs: number;
}

export interface PlannedTraffic extends TrafficRequest {
  readonly id: string;
  readonly dir: string;
  readonly schema: string;
  readonly table: string;
  readonly locators: { readonly processes: JsonObject; readonly table: JsonObject };
}

export interface TrafficWatch extends Disposable {
  /**
   * Resolves with the first view, present or later, for which `seen` is true. Looks at least every 5 ms, also when nothing came.
   * Throws `StepError`: `TRAFFIC_GONE` when the prober has ended and its log is read to the end.
   */
  until(seen: (view: ProbeView) => boolean, signal: AbortSignal): Promise<ProbeView>;
}

/** The prober's log up to now. */
export interface ProbeView {
  readonly probes: number;
  /** Last probe with a good read and write. */
  readonly lastGood: Instant | null;
  /** Last answered read, also of a probe whose write failed. */
  readonly lastRead: Instant | null;
  /** The outage that goes on, or was the last one. A failure counts from when it was known, an answer from when it came. */
  readonly outage: {
    readonly lastGood: Instant | null;
    readonly firstFailed: Instant;
    /** Failed probes in a row, so far or in all. */
    readonly failures: number;
    /** When the newest of them began; absent where it is not kept. The service came back after that. */
    readonly lastFailed?: Instant;
    readonly firstRead: Instant | null;
    readonly firstWrite: Instant | null;
    readonly reason: string;
    readonly from: string | null;
    readonly to: string | null;
  } | null;
  /** Consecutive good probes up to now. */
  readonly goodInARow: number;
  /** When the process was last heard of: a silent prober proves nothing. */
  readonly heardAt: Instant | null;
}
