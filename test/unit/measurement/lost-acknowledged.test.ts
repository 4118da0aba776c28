import { describe, expect, test } from "vitest";
import type { CanaryLoss, Fact } from "../../../src/drills/facts.ts";
import { measure } from "../../../src/drills/measure.ts";
import type { RunResult } from "../../../src/drills/result.ts";
import { complete, declared, heartbeat, recovered, sandboxed } from "../../support/measure-drill.ts";
import {
  atMs,
  canaryLoss,
  failover,
  failoverPlan,
  type FailoverChanges,
  marker,
  returned,
  someLost,
  struck,
  takenOver,
  verifiedFailover,
  wrongRows,
} from "../../support/measure-failover.ts";
import { restoreSteps } from "../../support/measure-plan.ts";

const drill = (changes: FailoverChanges = {}, plan = failoverPlan()): RunResult =>
  measure(plan, failover(changes).records);
const lostIn = (changes: FailoverChanges = {}) => drill(changes).loss.lostAcknowledged;
const reasonOf = (changes: FailoverChanges): string => {
  const lost = lostIn(changes);
  return lost.status === "measured" ? `measured: ${lost.text}` : lost.reason;
};

describe("nothing lost", () => {
  test("is a measured zero where a writer was at work right before T0", () => {
    expect(lostIn()).toMatchObject({
      status: "measured",
      lost: 0,
      acknowledged: 48_210,
      gone: null,
      atLeastUs: 0,
      time: { status: "measured", valueUs: 0, loUs: 0, hiUs: 0, basis: "measured" },
      text: "0 of 48,210 acknowledged transactions lost",
    });
  });

  /** Interval 10 ms, slowest answer 3 ms, timers 10 ms, resolution of T0 2 ms: 25 ms before T0 at 1,110. */
  test("may rest on a marker one interval, one answer, the timers and T0's resolution old, and on no older one", () => {
    expect(lostIn({ loss: { newestBeforeT0: marker(1085) } })).toMatchObject({ status: "measured" });
    const late = { ...marker(1085), monoUs: atMs(1085).monoUs - 1 };
    expect(reasonOf({ loss: { newestBeforeT0: late } })).toContain("the writers were silent for 25.0 ms before T0");
  });

  test("is not measured where nothing was acknowledged before T0", () => {
    expect(reasonOf({ loss: { newestBeforeT0: null, newestSurvivor: null } })).toBe(
      "no transaction was acknowledged before T0",
    );
  });

  test("is not measured where the machine was restarted in between: its clocks cannot be laid side by side", () => {
    const journal = verifiedFailover(takenOver(struck())).reboots(20_000).resume(true);
    const { lostAcknowledged } = measure(failoverPlan(), returned(journal).cleanup().records).loss;
    expect(lostAcknowledged).toMatchObject({ status: "not_measured" });
    expect(lostAcknowledged).toHaveProperty("reason", expect.stringContaining("restarted"));
  });

  test("is not measured without T0", () => {
    const steps = failoverPlan().steps.filter(({ phase }) => phase !== "disaster");
    const records = failover().records.filter(
      (record) =>
        record.type !== "mark" && !("step" in record.data && ["kill", "detect"].includes(record.data.step ?? "")),
    );
    const result = measure(failoverPlan({ steps }), records);
    expect(result.loss.lostAcknowledged).toHaveProperty("reason", expect.stringContaining("T0 was not set"));
  });
});

describe("something lost", () => {
  test("is told by number, writers, span and bytes", () => {
    expect(lostIn({ loss: someLost() })).toMatchObject({
      lost: 36,
      acknowledged: 48_210,
      writers: 4,
      gone: { first: { seq: 70 }, last: { seq: 88, writer: 2 }, spanUs: 406_000, bytes: 2304, rangesInAll: 2 },
      text: "acknowledged writes from 2026-11-21 03:00:00.700 to 03:00:01.106 UTC are gone (36 of 48,210, 4 writers)",
    });
  });

  /** T0 1,110 (resolution 2); first lost 700, last 1,106; survivor before them 690. */
  test("is a time from the acknowledgements around its begin to T0", () => {
    expect(lostIn({ loss: someLost() })).toMatchObject({
      time: { valueUs: 410_000, loUs: 408_000, hiUs: 420_000 },
      atLeastUs: 408_000,
    });
  });

  test("reaches to the last lost acknowledgement where the old primary went on after T0", () => {
    const some = someLost();
    const lost = some.lost === null || some.lost === undefined ? null : { ...some.lost, last: marker(1500) };
    expect(lostIn({ loss: { ...some, lost } })).toMatchObject({
      time: { valueUs: 800_000, loUs: 800_000, hiUs: 810_000 },
    });
  });

  test("without a survivor before it has a lower bound only", () => {
    const lost = lostIn({ loss: someLost({ survivorBeforeLoss: null }) });
    expect(lost).toMatchObject({ status: "measured", lost: 36, atLeastUs: 408_000, time: { status: "not_measured" } });
    expect(lost).toHaveProperty("time.reason", expect.stringMatching(/^at least 408\.0 ms: /u));
  });

  test("needs no marker right before T0", () => {
    expect(lostIn({ loss: someLost({ newestBeforeT0: null }) })).toMatchObject({ status: "measured", lost: 36 });
  });

  test("is measured across a restart of the machine, without a time", () => {
    const journal = verifiedFailover(takenOver(struck())).reboots(20_000).resume(true);
    const result = measure(failoverPlan(), returned(journal, { loss: someLost() }).cleanup().records);
    expect(result.loss.lostAcknowledged).toMatchObject({ lost: 36, atLeastUs: null, time: { status: "not_measured" } });
    expect(result.objectives.rpo.verdict).toBe("not_measured");
  });
});

describe("no reading", () => {
  test("of writers that ran is not measured, whatever the replicas said", () => {
    const { loss, objectives } = drill({ loss: null });
    expect(loss.lostAcknowledged).toMatchObject({ status: "not_measured" });
    expect(objectives.rpo.reason).toContain("there was no final reading");
  });

  test("made before the recovery counts as none", () => {
    expect(reasonOf({ loss: null, disaster: [canaryLoss()] })).toContain("there was no final reading");
  });

  test("where no writer ran keeps its reason", () => {
    expect(measure(failoverPlan({ steps: [] }), struck().records.slice(0, 1)).loss.lostAcknowledged).toEqual({
      status: "not_measured",
      reason: "no canary wrote to the system during the drill",
    });
  });
});

describe("what is there and should not be", () => {
  test.each([
    [{ altered: 3 }, "3 with another content"],
    [{ duplicated: 1 }, "1 more than once"],
    [{ phantom: 2_000 }, "2,000 that nobody sent"],
  ])("%o fails the run and meets no RPO", (counts, words) => {
    const result = drill({ loss: wrongRows(counts) }, failoverPlan({ rpoMs: 60_000 }));
    expect(result).toMatchObject({ result: "failed", rule: "DATA_INTEGRITY" });
    expect(result.reasons[0]?.steps).toEqual(["ledger"]);
    expect(result.reasons[0]?.message).toContain(words);
    expect(result.objectives.rpo.verdict).toBe("not_measured");
    expect(result.objectives.rpo.reason).toContain(words);
  });

  test("does not hide a loss that is too much", () => {
    const some = someLost();
    const result = drill({ loss: { ...some, counts: { ...(some.counts ?? canaryLoss().counts), altered: 1 } } });
    expect(result.reasons.map(({ rule }) => rule)).toEqual(["DATA_INTEGRITY", "OBJECTIVE_MISSED"]);
  });
});

describe("the RPO compares", () => {
  /** A restore with a canary beside a heartbeat: T0 at 2,000, restored and read back later. */
  function withBoth(beat: (t0WallUs: number) => Fact, canary: Partial<CanaryLoss>): RunResult["objectives"]["rpo"] {
    const journal = sandboxed(declared());
    const t0 = journal.records.find((record) => record.type === "mark")?.wallUs ?? 0;
    const at = { newestBeforeT0: marker(1995), newestSurvivor: marker(1995) };
    journal
      .begin("restore")
      .after(100)
      .fact("restore", beat(t0))
      .fact("restore", canaryLoss({ ...at, ...canary }));
    const done = complete(journal.succeed("restore").phase("verify").pass("rows", 10));
    return measure(failoverPlan({ rpoMs: 1000, steps: restoreSteps() }), done.records).objectives.rpo;
  }

  test("what was acknowledged and lost", () => {
    expect(drill({ loss: someLost() }).objectives.rpo).toMatchObject({
      verdict: "missed",
      compared: "lost_acknowledged",
      basis: "measured",
      reason: "410.0 ms ±10 ms is more than 0 s (ledger of the canary: 36 of 48,210 acknowledged are gone)",
    });
  });

  test("a heartbeat instead, where it proves more to be gone", () => {
    expect(withBoth((t0) => heartbeat(t0), {})).toMatchObject({
      verdict: "missed",
      compared: "newest_survivor_age",
      value: { loUs: 4_200_000 },
    });
  });

  test("no query instead: the newest row of an idle table proves nothing", () => {
    const query = (t0: number) => heartbeat(t0, { via: "query", intervalUs: null });
    expect(withBoth(query, {})).toMatchObject({ verdict: "met", compared: "lost_acknowledged" });
  });

  test("no heartbeat that the loss of the canary covers", () => {
    const covered = (t0: number) => heartbeat(t0, { newestWallUs: t0 - 500_000 });
    expect(withBoth(covered, {})).toMatchObject({ verdict: "met", compared: "lost_acknowledged" });
  });

  test("the survivor's age as an upper bound where the writers were silent, and says so", () => {
    const silent = { newestBeforeT0: marker(400), newestSurvivor: marker(400) };
    const far = drill({ loss: silent }, failoverPlan({ rpoMs: 1000 })).objectives.rpo;
    expect(far).toMatchObject({ verdict: "met", compared: "newest_survivor_age", value: { loUs: 0, hiUs: 710_000 } });
    const near = drill({ loss: silent }, failoverPlan({ rpoMs: 500 })).objectives.rpo;
    expect(near).toMatchObject({ verdict: "not_measured" });
    expect(near.reason).toContain("the writers were silent for 710.0 ms before T0");
  });
});

test("the newest survivor by the canary lies between the last one found and the first one missed", () => {
  expect(drill({ loss: someLost() }).loss.newestSurvivorAge).toMatchObject({
    valueUs: 420_000,
    loUs: 408_000,
    hiUs: 420_000,
    basis: "measured",
    source: "canary: newest acknowledged transaction that survived",
  });
});

test("of a canary and a heartbeat the younger one survived last", () => {
  const journal = recovered();
  const t0 = journal.records.find((record) => record.type === "mark")?.wallUs ?? 0;
  const old = { newestSurvivor: marker(1000), newestBeforeT0: marker(1000) };
  journal
    .phase("verify")
    .begin("rows")
    .fact("rows", canaryLoss(old))
    .fact("rows", heartbeat(t0, { newestWallUs: t0 - 300_000 }));
  const done = complete(journal.succeed("rows"));
  expect(measure(failoverPlan({ steps: restoreSteps() }), done.records).loss.newestSurvivorAge).toMatchObject({
    valueUs: 300_000,
    source: "heartbeat: firedrill.heartbeat",
  });
});
