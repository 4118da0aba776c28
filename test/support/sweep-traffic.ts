import type { CanaryLoss } from "../../src/drills/facts.ts";
import type { ProbeView, Traffic } from "../../src/steps/ports/traffic.ts";
import type { Instant } from "../../src/support/clock.ts";
import { setImmediate as turn } from "node:timers/promises";
import { trafficRefSchema } from "../../src/drills/traffic-ref.ts";
import { thingOf } from "./sweep-keepers.ts";
import { NEWEST_LSN } from "./sweep-cluster.ts";
import { primaryOf, type World, type WorldState } from "./sweep-world.ts";

const INTERVAL_US = 10_000;

/** Writers and a prober that are two entries of the world; what they saw follows from when the service went and came back. */
export function fakeTraffic(world: World): Traffic {
  return {
    plan(request) {
      const id = `${request.runId}/${request.step}`;
      const locators = { processes: { thing: `processes ${id}` }, table: { thing: `table ${id}` } };
      const names = { dir: `${request.runDir}/traffic`, schema: "firedrill_canary", table: "canary" };
      return { ...request, id, ...names, locators };
    },
    prepare: ({ installation, runId: run, locators }) =>
      world.change(({ things }) => {
        things[thingOf(locators.table)] = { kind: "canary-table", installation, run, title: "tables" };
      }),
    async start(planned) {
      const { installation, runId: run, locators } = planned;
      await world.change(({ things }) => {
        things[thingOf(locators.processes)] = { kind: "traffic-process", installation, run, title: "canary" };
      });
      const identity = { pid: 1, startTicks: 1, bootId: world.clock.bootId };
      return trafficRefSchema.parse({ ...planned, writer: identity, prober: identity });
    },
    async watch() {
      await world.look();
      return {
        async until(seen, signal) {
          for (;;) {
            const view = viewOf(await world.look(), world.now());
            if (seen(view)) return view;
            await turn();
            signal.throwIfAborted();
          }
        },
        [Symbol.dispose]: () => {},
      };
    },
    async position() {
      await world.look();
      return { lsn: NEWEST_LSN, at: world.now() };
    },
    // What is left of the processes is their keeper's to remove.
    async stop() {
      await world.look();
    },
    async settle(_traffic, t0) {
      const state = await world.look();
      return lossOf(state, t0 ?? world.now(), world.now());
    },
    async outages({ probeIntervalUs, connectTimeoutUs, answerTimeoutUs }) {
      const { struck, back } = await world.look();
      const now = world.now();
      const times = { path: "127.0.0.1", probeIntervalUs, connectTimeoutUs, answerTimeoutUs };
      const watched = { watchedFrom: before(struck ?? now, 1_000_000), watchedTo: now, probes: 1000 };
      if (struck === null) return { ...times, ...watched, failed: 0, outages: [], outagesInAll: 0 };
      const { failures: _, ...outage } = outageOf(struck, back);
      return { ...times, ...watched, failed: 3, outages: [outage], outagesInAll: 1 };
    },
  };
}

function before({ wallUs, monoUs }: Instant, byUs: number): Instant {
  return { wallUs: wallUs - byUs, monoUs: monoUs - byUs };
}

function outageOf(struck: Instant, back: Instant | null) {
  const firstFailed = before(struck, -1);
  return {
    lastGood: before(struck, INTERVAL_US),
    firstFailed,
    failures: 3,
    lastFailed: firstFailed,
    firstRead: back,
    firstWrite: back,
    reason: "connection refused",
    from: "127.0.0.1:5440",
    to: back === null ? null : "127.0.0.1:5441",
  };
}

function viewOf({ struck, back }: WorldState, now: Instant): ProbeView {
  const outage = struck === null ? null : outageOf(struck, back);
  const good = outage === null || back !== null;
  const lastGood = good ? now : outage.lastGood;
  return { probes: 1000, lastGood, lastRead: lastGood, outage, goodInARow: good ? 10 : 0, heardAt: now };
}

/** What standbys that were cut off did not get is gone; else nothing is. */
function lossOf(state: WorldState, t0: Instant, readAt: Instant): Omit<CanaryLoss, "kind"> {
  const lost = state.acts.some((act) => act.startsWith("cut ")) ? 20 : 0;
  const counts = { sent: 1000, acknowledged: 1000, unknown: 0, refused: 0, survived: 1000 - lost, lost };
  const none = { recoveredUnknown: 0, failed: 0, phantom: 0, duplicated: 0, altered: 0 };
  const marker = (seq: number, agoUs: number) => ({ writer: 1, seq, ...before(t0, agoUs) });
  const first = marker(981, 200_000);
  const last = marker(1000, 1000);
  const ranges = [{ writer: 1, from: first.seq, to: last.seq }];
  const survivor = lost === 0 ? last : marker(980, 210_000);
  return {
    writers: 4,
    intervalUs: INTERVAL_US,
    slowestAnswerUs: 1000,
    counts: { ...counts, ...none },
    lost: lost === 0 ? null : { ranges, rangesInAll: 1, first, last, bytes: lost * 64, file: "lost.jsonl" },
    survivorBeforeLoss: lost === 0 ? null : survivor,
    newestBeforeT0: last,
    newestSurvivor: survivor,
    gaps: 0,
    load: { transactionsPerSecond: 400, bytesPerSecond: 25_600 },
    readAt,
    readFrom: {
      host: "127.0.0.1",
      port: 5441,
      timeline: state.nodes[primaryOf(state) ?? "a"]?.timeline ?? 0,
      lsn: NEWEST_LSN,
    },
  };
}
