import { setImmediate as turn } from "node:timers/promises";
import type { CanaryLoss, ClientOutages } from "../../src/drills/facts.ts";
import type { MarkRecord } from "../../src/drills/run-event.ts";
import type { TrafficRef } from "../../src/drills/traffic-ref.ts";
import type { Clock, Instant } from "../../src/support/clock.ts";
import type { PlannedTraffic, ProbeView, Traffic, TrafficRequest } from "../../src/steps/ports/traffic.ts";

/** Milliseconds of the script's clock, as an instant. */
export const at = (ms: number): Instant => ({ wallUs: 1_700_000_000_000_000 + ms * 1000, monoUs: ms * 1000 });

/** One look at the prober's log, and what the clock shows then. */
export interface Look {
  readonly now: number;
  readonly view: ProbeView;
}

/** Every probe good, the last one now. */
export function good(now: number, probes = Math.floor(now / 10)): Look {
  const view = { probes, lastGood: at(now), lastRead: at(now), outage: null, goodInARow: probes, heardAt: at(now) };
  return { now, view };
}

export type OutagePart = Partial<NonNullable<ProbeView["outage"]>> & { readonly firstFailed: Instant };

/** An outage that goes on, or has ended when both firsts are given. */
export function out(now: number, part: OutagePart, view: Partial<ProbeView> = {}): Look {
  const { firstFailed } = part;
  const lastGood = { wallUs: firstFailed.wallUs - 10_000, monoUs: firstFailed.monoUs - 10_000 };
  const ends = { firstRead: null, firstWrite: null, from: "db1:5432", to: null };
  const outage = { lastGood, failures: 1, reason: "connection_refused", ...ends, ...part };
  const whole = { probes: Math.floor(now / 10), lastGood, lastRead: lastGood, goodInARow: 0, heardAt: at(now) };
  return { now, view: { ...whole, outage, ...view } };
}

export interface FakeTraffic extends Traffic {
  readonly clock: Clock;
  /** What was called, in order. */
  readonly calls: string[];
}

export interface Script {
  readonly now?: number;
  /** What the log shows, look after look; after the last one nothing comes but the prober's sign of life. */
  readonly looks?: readonly Look[];
  /** Not even that comes. */
  readonly silent?: boolean;
  readonly settle?: () => Promise<Omit<CanaryLoss, "kind">>;
  readonly start?: () => Promise<TrafficRef>;
}

/** The port, played from a script: no process, no server. */
export function fakeTraffic({ now = 0, looks = [], silent = false, settle, start }: Script = {}): FakeTraffic {
  const calls: string[] = [];
  let nowMs = now;
  const clock: Clock = { monoUs: () => at(nowMs).monoUs, wallUs: () => at(nowMs).wallUs, bootId: "boot" };
  const noted = (name: string) => async (): Promise<void> => void calls.push(name);
  return {
    clock,
    calls,
    plan: plannedTraffic,
    prepare: noted("prepare"),
    async start() {
      calls.push("start");
      return start === undefined ? trafficRef() : start();
    },
    async watch() {
      return {
        async until(seen, signal) {
          for (const look of looks) {
            nowMs = Math.max(nowMs, look.now);
            if (seen(look.view)) return look.view;
          }
          const { view: last } = looks.at(-1) ?? good(nowMs);
          for (; ; nowMs += 5) {
            await turn();
            signal.throwIfAborted();
            const view = silent ? last : { ...last, heardAt: at(nowMs) };
            if (seen(view)) return view;
          }
        },
        [Symbol.dispose]: () => void calls.push("unwatch"),
      };
    },
    position: async () => null,
    stop: async (_traffic, what) => void calls.push(`stop ${what}`),
    async settle(_traffic, disaster) {
      calls.push(`settle ${disaster === null ? "without T0" : `T0=${disaster.monoUs}`}`);
      return settle === undefined ? canaryLoss() : settle();
    },
    async outages() {
      calls.push("outages");
      return clientOutages();
    },
  };
}

export function plannedTraffic(request: TrafficRequest): PlannedTraffic {
  const id = `${request.runId}/${request.step}`;
  const locators = { processes: { id }, table: { id, table: "canary" } };
  return { ...request, id, dir: "/run/traffic", schema: "firedrill_canary", table: "canary", locators };
}

export function trafficRef(part: Partial<TrafficRef> = {}): TrafficRef {
  const process = { pid: 1, startTicks: 1, bootId: "boot" };
  const hosts = [{ host: "db1", port: 5432 }];
  return {
    id: "run-1/traffic",
    dir: "/run/traffic",
    schema: "firedrill_canary",
    table: "canary",
    path: { hosts, targetSessionAttrs: "read-write", user: "app", database: "app", password: null },
    writers: 2,
    intervalUs: 10_000,
    payloadBytes: 64,
    synchronousCommit: null,
    probeIntervalUs: 10_000,
    connectTimeoutUs: 500_000,
    answerTimeoutUs: 1_000_000,
    writer: process,
    prober: process,
    ...part,
  };
}

export function t0(ms: number, resolutionMs = 0): MarkRecord {
  return { mark: "T0", ...at(ms), source: "orchestrator", resolutionUs: resolutionMs * 1000, note: null };
}

export function canaryLoss(counts: Partial<CanaryLoss["counts"]> = {}): Omit<CanaryLoss, "kind"> {
  const none = { sent: 10, acknowledged: 10, unknown: 0, refused: 0, survived: 10, lost: 0 };
  const rest = { recoveredUnknown: 0, failed: 0, phantom: 0, duplicated: 0, altered: 0 };
  return {
    writers: 2,
    intervalUs: 10_000,
    slowestAnswerUs: 1000,
    counts: { ...none, ...rest, ...counts },
    lost: null,
    survivorBeforeLoss: null,
    newestBeforeT0: null,
    newestSurvivor: null,
    gaps: 0,
    load: { transactionsPerSecond: 200, bytesPerSecond: 12_800 },
    readAt: at(1),
    readFrom: { host: "db2", port: 5432, timeline: 2, lsn: "0/3000000" },
  };
}

export function clientOutages(): Omit<ClientOutages, "kind"> {
  const times = { probeIntervalUs: 10_000, connectTimeoutUs: 500_000, answerTimeoutUs: 1_000_000 };
  const watched = { watchedFrom: at(0), watchedTo: at(1000), probes: 100, failed: 7 };
  return { path: "db1:5432", ...times, ...watched, outages: [], outagesInAll: 1 };
}
