import { describe, expect, test } from "vitest";
import { StepError } from "../../../src/drills/step-error.ts";
import { detectOutageStep } from "../../../src/steps/traffic/detect.ts";
import { recoveredStep } from "../../../src/steps/traffic/recovered.ts";
import { startTrafficStep } from "../../../src/steps/traffic/start.ts";
import { stopTrafficStep } from "../../../src/steps/traffic/stop.ts";
import { runStep, systemWith } from "../../support/checks-context.ts";
import { drillContext, type DrillContextOptions } from "../../support/drill-context.ts";
import {
  at,
  canaryLoss,
  type FakeTraffic,
  fakeTraffic,
  good,
  type Look,
  out,
  t0,
  trafficRef,
} from "../../support/traffic-fake.ts";

const system = systemWith({
  client: { hosts: [{ host: "db1", port: 5432 }], targetSessionAttrs: "read-write" },
});

function contextFor(traffic: FakeTraffic, options: DrillContextOptions = {}) {
  return drillContext({ system, traffic: trafficRef(), clock: traffic.clock, marks: [t0(100, 5)], ...options });
}

describe("traffic/start", () => {
  const start = (traffic: FakeTraffic, options: DrillContextOptions) => {
    const ctx = contextFor(traffic, { traffic: null, stepId: "traffic", ...options });
    return { ctx, result: runStep(startTrafficStep({ traffic }), { rate: 50, payload: "1kB" }, ctx) };
  };

  test("everything is in the ledger before it exists, and the table is removed after its writers", async () => {
    const traffic = fakeTraffic();
    const { ctx, result } = start(traffic, {});
    expect(await result).toMatchObject({ kind: "done", outputs: { traffic: { schema: "firedrill_canary" } } });
    expect(traffic.calls).toEqual(["prepare", "start"]);
    expect(ctx.order).toEqual([
      "planned canary-table",
      "planned traffic-process",
      "current",
      "created canary-table",
      "current",
      "created traffic-process",
    ]);
    expect(ctx.recorded.facts).toMatchObject([{ kind: "traffic", traffic: { writers: 2 } }]);
  });

  test("both are in the ledger when it does not start", async () => {
    const traffic = fakeTraffic({ start: () => Promise.reject(new StepError("transient", "TRAFFIC_START", "no")) });
    const { ctx, result } = start(traffic, {});
    await expect(result).rejects.toMatchObject({ code: "TRAFFIC_START" });
    expect([...ctx.resources.values()].map(({ kind }) => kind)).toEqual(["canary-table", "traffic-process"]);
    expect(ctx.recorded.facts).toEqual([]);
  });

  test("an orchestrator that lost the system begins nothing", async () => {
    const traffic = fakeTraffic();
    const lost = (): Promise<never> => Promise.reject(new StepError("permanent", "STALE_EPOCH", "taken over"));
    await expect(start(traffic, { requireCurrent: lost }).result).rejects.toMatchObject({ code: "STALE_EPOCH" });
    expect(traffic.calls).toEqual([]);
  });

  test("the same step, resumed, adopts its own traffic; another one is refused", async () => {
    await start(fakeTraffic(), { traffic: trafficRef({ id: "run-1/traffic" }) }).result;
    const traffic = fakeTraffic();
    const { ctx, result } = start(traffic, { traffic: trafficRef({ id: "run-1/other" }) });
    await expect(result).rejects.toMatchObject({ code: "TRAFFIC_RUNNING", class: "permanent" });
    expect([traffic.calls, ctx.order]).toEqual([[], []]);
  });

  test("a system that says nothing of its clients is refused", async () => {
    const { result } = start(fakeTraffic(), { system: systemWith({}) });
    await expect(result).rejects.toMatchObject({ code: "TRAFFIC_NO_PATH" });
  });
});

describe("traffic/detect", () => {
  const detect = async (looks: readonly Look[], input: object, options: DrillContextOptions = {}, silent = false) => {
    const traffic = fakeTraffic({ now: 100, looks, silent });
    const ctx = contextFor(traffic, options);
    const result = await runStep(detectOutageStep({ traffic }), { within: "50ms", ...input }, ctx);
    return { ctx, outputs: result.outputs };
  };

  test("T1 is the first failed probe, and its resolution reaches back to the last good one", async () => {
    const looks = [
      good(110),
      out(125, { firstFailed: at(120), failures: 1 }),
      out(135, { firstFailed: at(120), failures: 2 }),
      out(145, { firstFailed: at(120), failures: 3 }),
    ];
    const { ctx, outputs } = await detect(looks, {});
    expect(ctx.recorded.marks.slice(1)).toEqual([
      { mark: "T1", ...at(120), source: "prober", resolutionUs: 10_000, note: "connection_refused" },
    ]);
    expect(outputs).toEqual({
      firstFailedAt: "2023-11-14 22:13:20.120000 UTC",
      failures: 3,
      reason: "connection_refused",
    });
  });

  test("an outage must last as long as asked, and T1 stays its begin", async () => {
    const looks = [
      out(150, { firstFailed: at(120), failures: 3 }),
      out(1619, { firstFailed: at(120), failures: 140 }),
      out(1620, { firstFailed: at(120), failures: 141 }),
    ];
    const { ctx, outputs } = await detect(looks, { for: "1500ms" });
    expect(outputs).toMatchObject({ failures: 141 });
    expect(ctx.recorded.marks.at(-1)).toMatchObject({ mark: "T1", ...at(120) });
  });

  test("a view that lags behind is not taken for an outage that lasts", async () => {
    // The log came in late, line by line: the clock is far ahead of what the prober had said by then.
    const looks = [
      { ...out(120, { firstFailed: at(120), failures: 3 }), now: 2000 },
      { ...out(130, { firstFailed: at(120), firstRead: at(130), firstWrite: at(130), failures: 3 }), now: 2000 },
      good(2000),
    ];
    await expect(detect(looks, { for: "1500ms" })).rejects.toMatchObject({ code: "NO_OUTAGE" });
  });

  test("an outage that is over already counts all the same", async () => {
    const over = { firstFailed: at(120), failures: 9, firstRead: at(210), firstWrite: at(220) };
    const { ctx } = await detect([out(300, over, { goodInARow: 8 })], { for: "100ms" });
    expect(ctx.recorded.marks.at(-1)).toMatchObject({ mark: "T1", ...at(120) });
    await expect(detect([out(300, over, { goodInARow: 8 })], { for: "101ms" })).rejects.toMatchObject({
      code: "NO_OUTAGE",
      message: "clients saw no outage within 50.0 ms: 9 failed in a row, for 100.0 ms, expected 3, for 101.0 ms",
    });
  });

  test.each([
    ["no probe failed", [good(110), good(120)], "all of 12 probes were good"],
    ["too few failed", [out(130, { firstFailed: at(120), failures: 2 })], "2 failed in a row, expected 3"],
    [
      "it began before T0 and goes on",
      [out(130, { firstFailed: at(94), failures: 50 })],
      "one that began before T0 goes on, which the disaster cannot have caused",
    ],
    [
      "it began and ended before T0",
      [out(130, { firstFailed: at(20), failures: 5, firstRead: at(60), firstWrite: at(60) }, { goodInARow: 7 })],
      "no probe has failed since T0",
    ],
    [
      "nothing was good before it",
      [out(130, { firstFailed: at(120), failures: 5, lastGood: null })],
      "no probe was good before it",
    ],
  ])("no outage: %s", async (_, looks, told) => {
    await expect(detect(looks, {})).rejects.toMatchObject({
      class: "permanent",
      code: "NO_OUTAGE",
      message: `clients saw no outage within 50.0 ms: ${told}`,
    });
  });

  test("a probe that failed while the fault went in counts, and T1 does not stand before T0", async () => {
    const { ctx } = await detect([out(130, { firstFailed: at(96), lastGood: at(90), failures: 3 })], {});
    // The first failed probe lies in [90, 96], so in [90, 100].
    expect(ctx.recorded.marks.at(-1)).toMatchObject({ mark: "T1", ...at(100), resolutionUs: 10_000 });
  });

  test("a prober that has fallen silent is an error, at once and not after `within`", async () => {
    await expect(detect([good(110)], { within: "10m" }, {}, true)).rejects.toMatchObject({
      class: "permanent",
      code: "TRAFFIC_SILENT",
      message: "the prober was not heard for more than 2.50 s after 11 probes",
    });
  });

  test("a log that comes in late, line by line, is not silence", async () => {
    // We were stopped for five seconds; the prober was not.
    const late = [good(110), { ...good(120), now: 5000 }, { ...good(130), now: 5000 }];
    const { ctx } = await detect([...late, out(5000, { firstFailed: at(4990), failures: 3 })], {});
    expect(ctx.recorded.marks.at(-1)).toMatchObject({ mark: "T1", ...at(4990) });
  });

  test("without traffic, and without T0, there is nothing to detect", async () => {
    await expect(detect([good(110)], {}, { traffic: null })).rejects.toMatchObject({ code: "TRAFFIC_NONE" });
    await expect(detect([good(110)], {}, { marks: [] })).rejects.toMatchObject({ code: "TRAFFIC_NO_T0" });
  });

  test("a halt ends the wait", async () => {
    const signal = AbortSignal.abort(new Error("halted"));
    await expect(detect([good(110)], { within: "10m" }, { signal })).rejects.toThrow("halted");
  });
});

describe("traffic/recovered", () => {
  const recovered = async (looks: readonly Look[], input: object = {}, silent = false) => {
    const traffic = fakeTraffic({ now: 300, looks, silent });
    const ctx = contextFor(traffic);
    const { outputs } = await runStep(recoveredStep({ traffic }), { within: "50ms", ...input }, ctx);
    return { marks: ctx.recorded.marks.slice(1), outputs };
  };
  const lost = { firstFailed: at(120), failures: 20 };

  test("T4 and T5 are the first read and the first write after the outage", async () => {
    const looks = [
      out(310, lost),
      out(320, { ...lost, failures: 21 }),
      // Its heartbeat in between is no probe.
      { ...out(328, { ...lost, failures: 21 }), view: { ...out(328, lost).view, probes: 32 } },
      out(330, { ...lost, firstRead: at(326) }),
      out(340, { ...lost, firstRead: at(326), firstWrite: at(338), to: "db2:5432" }, { goodInARow: 1 }),
    ];
    const { marks, outputs } = await recovered(looks);
    expect(marks).toMatchObject([
      { mark: "T4", ...at(326), source: "prober", note: null },
      { mark: "T5", ...at(338), source: "prober", resolutionUs: 10_000 },
    ]);
    expect(outputs).toMatchObject({ server: "db2:5432", outageUs: 228_000 });
  });

  test("the resolution is the time since the last failed probe, or the interval when that is longer", async () => {
    const back = { ...lost, firstRead: at(900), firstWrite: at(905), to: "db2:5432" };
    const last = (lastFailed: number | null): Look =>
      out(910, lastFailed === null ? back : { ...back, lastFailed: at(lastFailed) }, { goodInARow: 1 });
    const resolutions = async (looks: readonly Look[]) =>
      (await recovered(looks)).marks.map((mark) => mark.resolutionUs);
    expect(await resolutions([out(400, lost), last(null)])).toEqual([500_000, 505_000]);
    expect(await resolutions([last(860)])).toEqual([40_000, 45_000]);
    expect(await resolutions([last(899)])).toEqual([10_000, 10_000]);
    expect(await resolutions([last(null)])).toEqual([10_000, 10_000]);
  });

  test("a read that is answered while no write is does not count as back", async () => {
    await expect(recovered([out(330, { ...lost, firstRead: at(326) })])).rejects.toMatchObject({
      class: "subject",
      code: "SERVICE_NOT_BACK",
      message:
        "clients did not read and write again within 50.0 ms: 0 good probes in a row, expected 1; the outage began with: connection_refused",
    });
  });

  test("as many good probes in a row as asked", async () => {
    const back = { ...lost, firstRead: at(326), firstWrite: at(338) };
    const looks = [out(340, back, { goodInARow: 1 }), out(350, back, { goodInARow: 2 })];
    await expect(recovered(looks, { probes: 3 })).rejects.toMatchObject({ code: "SERVICE_NOT_BACK" });
    const { marks } = await recovered([...looks, out(360, back, { goodInARow: 3 })], { probes: 3 });
    expect(marks).toMatchObject([at(326), at(338)]);
  });

  test("when no probe failed since T0 the first good one after the recovering step counts", async () => {
    const { marks, outputs } = await recovered([{ ...good(295), now: 300 }, good(305), good(315)]);
    expect(marks).toMatchObject([
      { mark: "T4", ...at(305), resolutionUs: 10_000 },
      { mark: "T5", ...at(305), resolutionUs: 10_000 },
    ]);
    expect(marks[0]?.note).toContain("no probe failed since T0");
    expect(outputs).toMatchObject({ server: null, outageUs: null });
  });

  test("an outage that was over before T0 is none of this disaster's", async () => {
    const old = { firstFailed: at(20), failures: 5, firstRead: at(60), firstWrite: at(60), lastFailed: at(50) };
    const before = out(300, old, { goodInARow: 23, lastGood: at(298) });
    const { marks } = await recovered([before, out(310, old, { goodInARow: 24, lastGood: at(308) })]);
    expect(marks).toMatchObject([
      { mark: "T4", ...at(308), resolutionUs: 10_000 },
      { mark: "T5", ...at(308) },
    ]);
  });

  test("T4 and T5 never lie before T0", async () => {
    const quick = { firstFailed: at(96), lastGood: at(90), failures: 1, firstRead: at(98), firstWrite: at(99) };
    const { marks } = await recovered([out(300, { ...quick, lastFailed: at(96) }, { goodInARow: 20 })]);
    // In [88, 98] at first, in [88, 100] then.
    expect(marks).toMatchObject([
      { mark: "T4", ...at(100), resolutionUs: 12_000 },
      { mark: "T5", ...at(100), resolutionUs: 11_000 },
    ]);
  });

  test("a silent prober is an error, not a service that is not back", async () => {
    await expect(recovered([out(310, lost)], { within: "10m" }, true)).rejects.toMatchObject({
      code: "TRAFFIC_SILENT",
    });
  });
});

describe("traffic/stop", () => {
  const stop = (traffic: FakeTraffic, input: object = {}, options: DrillContextOptions = {}) => {
    const ctx = contextFor(traffic, options);
    return { ctx, result: runStep(stopTrafficStep({ traffic }), input, ctx) };
  };

  test("writers first, then the reading with the first T0, the prober last", async () => {
    const lost = canaryLoss({ survived: 7, lost: 3 });
    const none = { wallUs: 1, monoUs: 1, writer: 0, seq: 1 };
    const range = { ranges: [], rangesInAll: 2, first: none, last: none, bytes: 192, file: "lost.tsv" };
    const traffic = fakeTraffic({ settle: async () => ({ ...lost, lost: range }) });
    const { ctx, result } = stop(traffic, {}, { marks: [t0(100), t0(200)] });
    expect((await result).outputs).toMatchObject({
      sent: 10,
      acknowledged: 10,
      survived: 7,
      lost: 3,
      lostRanges: 2,
      failedProbes: 7,
      outages: 1,
    });
    expect(traffic.calls).toEqual(["stop writers", "settle T0=100000", "stop all", "outages"]);
    expect(ctx.recorded.facts.map(({ kind }) => kind)).toEqual(["client_outages", "canary_loss"]);
  });

  test("asks again while no server takes writes", async () => {
    let refusals = 2;
    const settle = async () => {
      refusals -= 1;
      if (refusals >= 0) throw new StepError("transient", "PG_CONNECT", "no server takes writes");
      return canaryLoss();
    };
    const traffic = fakeTraffic({ settle });
    expect((await stop(traffic).result).outputs).toMatchObject({ lost: 0 });
    expect(traffic.calls.filter((call) => call.startsWith("settle"))).toHaveLength(3);
  });

  test("a reading that never comes is no zero: an error, after what clients saw is on record", async () => {
    const unread = (): Promise<never> => Promise.reject(new StepError("transient", "PG_CONNECT", "nobody answers"));
    const traffic = fakeTraffic({ settle: unread });
    const ctx = contextFor(traffic, { clock: ticking() });
    const result = runStep(stopTrafficStep({ traffic }), { within: "1s" }, ctx);
    await expect(result).rejects.toMatchObject({ class: "subject", code: "CANARY_NOT_READ" });
    expect(ctx.recorded.facts.map(({ kind }) => kind)).toEqual(["client_outages"]);
    expect(traffic.calls.slice(-2)).toEqual(["stop all", "outages"]);
  });

  test("an error that waiting does not mend is told as it is", async () => {
    const traffic = fakeTraffic({ settle: () => Promise.reject(new StepError("permanent", "PG_QUERY", "no table")) });
    await expect(stop(traffic).result).rejects.toMatchObject({ code: "PG_QUERY" });
    expect(traffic.calls).toContain("stop all");
  });
});

/** Every look at it is half a second later. */
function ticking() {
  let now = 0;
  return { monoUs: () => (now += 500_000), wallUs: () => now, bootId: "boot" };
}
