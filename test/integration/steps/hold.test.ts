import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Service } from "../../../src/drills/facts.ts";
import type { Sessions } from "../../../src/steps/ports/postgres.ts";
import { holdStep } from "../../../src/steps/drill/hold.ts";
import { runCheck, stepContext } from "../../support/checks-context.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";
import { fakeTraffic } from "../../support/traffic-fake.ts";

let lab: ChecksLab;
beforeAll(async () => {
  lab = await startChecksLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

const service = (writable = true): Service => ({ kind: "service", database: lab.database(), writable });

/** No traffic runs in these: the step asks by itself. */
const holding = (sessions: Sessions) => holdStep({ sessions, traffic: fakeTraffic() });

/** Lets `after` good openings through, then does what the test wants before each next one. */
function disturbed(after: number, disturb: () => Promise<void>): Sessions {
  let opened = 0;
  return {
    async open(database, options) {
      opened += 1;
      if (opened === after + 1) await disturb();
      return lab.sessions.open(database, options);
    },
  };
}

describe("drill/hold", () => {
  test("asks until the window is over and sets T7 with its resolution", async () => {
    const ctx = stepContext({ services: [service()] });
    const begin = ctx.clock.monoUs();
    const check = await runCheck(holding(lab.sessions), { for: "300ms", interval: "50ms" }, ctx);
    expect(check).toMatchObject({ passed: true, coverage: { checked: 1, total: 1, unit: "services" } });
    expect(check.outputs.probes).toBeGreaterThan(3);
    const [t7] = ctx.recorded.marks;
    expect(t7).toMatchObject({ mark: "T7", source: "prober" });
    expect(t7?.monoUs ?? 0).toBeGreaterThanOrEqual(begin + 300_000);
    expect(t7?.resolutionUs ?? 0).toBeGreaterThanOrEqual(50_000);
  });

  test("a window of zero asks once", async () => {
    const check = await runCheck(holding(lab.sessions), { for: "0s" }, stepContext({ services: [service()] }));
    expect(check).toMatchObject({ passed: true, outputs: { probes: 1 } });
  });

  test("fails when the service takes no write; a read-only service is not asked to", async () => {
    await lab.sql(`create role reader login; do $$ begin
      execute (select string_agg(format('revoke execute on function %s from public', oid::regprocedure), ';') from pg_proc where proname = 'pg_logical_emit_message');
    end $$`);
    const database = { ...lab.database(), user: "reader", sandbox: null };
    const writable = stepContext({ services: [{ kind: "service", database, writable: true }] });
    const check = await runCheck(holding(lab.sessions), { for: "50ms", interval: "20ms" }, writable);
    expect(check).toMatchObject({ passed: false });
    expect(check.actual).toContain("after 0 good");
    expect(writable.recorded.marks).toEqual([]);

    const readOnly = stepContext({ services: [{ kind: "service", database, writable: false }] });
    expect(await runCheck(holding(lab.sessions), { for: "50ms", interval: "20ms" }, readOnly)).toMatchObject({
      passed: true,
    });
    expect(readOnly.recorded.marks).toMatchObject([{ mark: "T7", note: "read-only services were asked to read only" }]);
  });

  test("fails when the server goes away in the window", async () => {
    const ctx = stepContext({ services: [service()] });
    const check = await runCheck(
      holding(disturbed(2, () => lab.stop("immediate"))),
      { for: "10s", interval: "20ms" },
      ctx,
    );
    await lab.start();
    expect(check).toMatchObject({ passed: false });
    expect(check.actual).toMatch(/^failed at .* after 2 good: postgres on port \d+: cannot connect/u);
    expect(ctx.recorded.marks).toEqual([]);
  });

  test("a look that hangs ends at its own deadline", async () => {
    const hanging: Sessions = {
      open: (_database, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
    };
    const check = await runCheck(
      holding(hanging),
      { for: "10s", timeout: "100ms" },
      stepContext({ services: [service()] }),
    );
    expect(check).toMatchObject({ passed: false });
    expect(check.actual).toContain("no answer within 100 ms");
  });

  test("no service to watch is an error", async () => {
    await expect(runCheck(holding(lab.sessions), { for: "1s" })).rejects.toMatchObject({
      code: "HOLD_NO_SERVICE",
    });
  });

  test("the step's own abort is not a failed look", async () => {
    const stop = new AbortController();
    const ctx = stepContext({ services: [service()], signal: stop.signal });
    const sessions = disturbed(1, async () => stop.abort(new Error("halted")));
    await expect(runCheck(holding(sessions), { for: "10s", interval: "20ms" }, ctx)).rejects.toThrow("halted");
  });
});
