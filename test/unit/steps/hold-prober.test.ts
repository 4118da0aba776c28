import { describe, expect, test } from "vitest";
import { holdStep } from "../../../src/steps/drill/hold.ts";
import type { Sessions } from "../../../src/steps/ports/postgres.ts";
import { runCheck } from "../../support/checks-context.ts";
import { drillContext } from "../../support/drill-context.ts";
import { at, fakeTraffic, good, type Look, out, trafficRef } from "../../support/traffic-fake.ts";

/** Where traffic runs nobody else is asked. */
const nobody: Sessions = { open: () => Promise.reject(new Error("the services must not be asked")) };

async function hold(looks: readonly Look[], length = "1s", silent = false) {
  const traffic = fakeTraffic({ now: 1000, looks, silent });
  const ctx = drillContext({ phase: "hold", traffic: trafficRef(), clock: traffic.clock });
  const check = await runCheck(holdStep({ sessions: nobody, traffic }), { for: length }, ctx);
  return { check, marks: ctx.recorded.marks };
}

const every10ms = (from: number, to: number): readonly Look[] =>
  Array.from({ length: (to - from) / 10 + 1 }, (_, index) => good(from + index * 10));

describe("drill/hold where traffic runs", () => {
  test("T7 is the prober's last good probe at or after the window's end", async () => {
    const { check, marks } = await hold([...every10ms(1000, 1990), good(2004), good(2014)]);
    expect(check).toMatchObject({
      passed: true,
      title: "the service stays healthy for clients",
      expected: "no probe fails for 1.00 s, every 10.0 ms",
      actual: "healthy in all of 100 probes",
      coverage: { checked: 1, total: 1, unit: "client paths" },
    });
    expect(marks).toEqual([{ mark: "T7", ...at(2004), source: "prober", resolutionUs: 14_000, note: null }]);
  });

  test("a single failed probe in the window is red", async () => {
    const failed = out(1505, { firstFailed: at(1503), failures: 1, reason: "57P03" });
    const { check, marks } = await hold([...every10ms(1000, 1500), failed, good(1510)]);
    expect(check.passed).toBe(false);
    expect(check.actual).toMatch(/^failed at .* 503\.0 ms after the window began, after 49 good: 57P03$/u);
    expect(marks).toEqual([]);
  });

  test("so is one that was over before it was looked at", async () => {
    // We were held up from 1.5 s to the window's end: only the log knows.
    const past = { firstFailed: at(1600), failures: 2, firstRead: at(1620), firstWrite: at(1621) };
    const { check } = await hold([...every10ms(1000, 1500), out(2010, past, { lastGood: at(2005), goodInARow: 30 })]);
    expect(check.passed).toBe(false);
  });

  test("so is an outage that goes on while the window begins", async () => {
    const { check } = await hold([out(1000, { firstFailed: at(900), failures: 10 })]);
    expect(check).toMatchObject({ passed: false });
    expect(check.actual).toContain("0 s after the window began");
  });

  test("an outage that was over before the window does not count", async () => {
    const past = { firstFailed: at(500), failures: 20, firstRead: at(700), firstWrite: at(701) };
    const looks = [1000, 1500, 2001].map((now) =>
      out(now, past, { lastGood: at(now), goodInARow: 9, heardAt: at(now) }),
    );
    expect((await hold(looks)).check.passed).toBe(true);
  });

  test("probes that stop coming are an error: nobody looked", async () => {
    const waiting = hold(every10ms(1000, 1200), "10m", true);
    await expect(waiting).rejects.toMatchObject({ code: "TRAFFIC_SILENT" });
  });

  test("a window of zero waits for one good probe", async () => {
    const { check, marks } = await hold([{ ...good(995), now: 1000 }, good(1005)], "0s");
    expect(check.passed).toBe(true);
    expect(marks).toMatchObject([{ mark: "T7", ...at(1005), resolutionUs: 10_000 }]);
  });
});
