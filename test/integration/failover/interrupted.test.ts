import { afterAll, describe, expect, test } from "vitest";
import {
  promotionsIn,
  requireSound,
  requireTrueLoss,
  SharedCluster,
  started,
} from "../../support/interrupted-drill.ts";

const shared = new SharedCluster();
afterAll(() => shared[Symbol.asyncDispose]());

const HELD = [
  { before: "fence", promoted: "no" },
  { before: "promote", promoted: "no" },
  { before: "service", promoted: "yes" },
  { before: "rebuild", promoted: "yes" },
  { before: "ledger", promoted: "yes" },
] as const;

describe.each(HELD)("while it asks before $before", ({ before: step, promoted }) => {
  test("halted: it stops within five seconds, and the system has one primary", () =>
    shared.during({ askBefore: step }, async (one) => {
      await using run = one.desk.start();
      await run.until(started("may-we"));
      const askedAt = performance.now();
      await one.desk.firedrill("halt", one.desk.runId(), "--who", "ada", "--reason", "lunch");
      await run.until(({ type }) => type === "cleanup.begun");
      expect(performance.now() - askedAt).toBeLessThan(5000);
      const { code } = await run.ended;
      const { reasons } = await one.desk.result();
      expect({ code, reasons: reasons.slice(0, 1) }).toMatchObject({ code: 4, reasons: [{ rule: "HALTED" }] });
      await requireSound(one, promoted);
    }));
});

describe.each([HELD[0], HELD[1], HELD[3]])("Ctrl-C while it asks before $before", ({ before: step, promoted }) => {
  test("stops into its cleanup, and the system has one primary", () =>
    shared.during({ askBefore: step }, async (one) => {
      await using run = one.desk.start();
      await run.until(started("may-we"));
      run.kill("SIGINT");
      const { code } = await run.ended;
      const { reasons } = await one.desk.result();
      expect({ code, reasons: reasons.slice(0, 1) }).toMatchObject({ code: 4, reasons: [{ rule: "HALTED" }] });
      await requireSound(one, promoted);
    }));
});

const STRUCK = [
  { at: "kill", promoted: "no" },
  { at: "fence", promoted: "no" },
  { at: "promote", promoted: "either" },
  { at: "service", promoted: "yes" },
  { at: "rebuild", promoted: "yes" },
] as const;

describe.each(STRUCK)("the orchestrator is killed when $at begins", ({ at, promoted }) => {
  test("clean ends the run, and the system has one primary", () =>
    shared.during({}, async (one) => {
      await using run = one.desk.start();
      await run.until(started(at));
      run.kill("SIGKILL");
      await run.ended;
      expect(await one.desk.firedrill("clean")).toMatchObject({ code: 0 });
      expect(await one.desk.result()).toMatchObject({ result: "aborted", cleanup: { status: "verified" } });
      await requireSound(one, promoted);
    }));

  test("resumed it ends as without the crash: one promotion, and the loss is the true one", () =>
    shared.during({}, async (one) => {
      await using run = one.desk.start();
      await run.until(started(at));
      run.kill("SIGKILL");
      await run.ended;
      const { code, stderr } = await one.desk.firedrill("resume", one.desk.runId());
      const result = await one.desk.result();
      expect({ code, stderr, reasons: result.reasons }).toMatchObject({ code: 0 });
      const after = await requireSound(one, "yes");
      expect(
        Object.values(after.nodes)
          .map(({ role }) => role)
          .toSorted(),
      ).toEqual(["primary", "standby"]);
      expect(promotionsIn(one.desk.runDir())).toBe(1);
      requireTrueLoss(one, result);
    }));
});
