import { describe, expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import type { RunResult } from "../../../src/drills/result.ts";
import {
  atMs,
  failover,
  type FailoverChanges,
  failoverPlan,
  failoverSteps,
  fencing,
  outage,
  promotion,
  replication,
  returned,
  struck,
  takenOver,
  traffic,
  verifiedFailover,
  waited,
} from "../../support/measure-failover.ts";
import type { JournalBuilder } from "../../support/measure-journal.ts";
import { planStep } from "../../support/measure-plan.ts";

const measured = (journal: JournalBuilder, plan = failoverPlan()): RunResult => measure(plan, journal.records);
const drill = (changes: FailoverChanges = {}): RunResult => measured(failover(changes));
const mark = (result: RunResult, name: string) => result.marks.find((each) => each.mark === name);
const ask = (id: string, phase: "prepare" | "disaster" | "recover", after: string | null) =>
  planStep(id, phase, { uses: "approval", after });

describe("T1", () => {
  test("is what the detecting step said", () => {
    expect(mark(drill(), "T1")).toMatchObject({ atUs: 1_115_000, resolutionUs: 8000, source: "prober" });
  });

  test("else the first failed probe of the prober's log, possible since the last good one", () => {
    const result = drill({ t1: false });
    expect(mark(result, "T1")).toMatchObject({ atUs: 1_115_000, resolutionUs: 8000, source: "prober" });
    expect(result.durations.detection).toMatchObject({ valueUs: 5000, loUs: 0, hiUs: 7000 });
  });

  test("of a primary that hangs is when the answer was overdue", () => {
    const hung = outage({ firstFailed: atMs(2117), firstRead: atMs(2530), firstWrite: atMs(2540) });
    expect(drill({ t1: false, outages: { outages: [hung] } }).durations.detection).toMatchObject({
      valueUs: 1_007_000,
      loUs: 0,
    });
  });

  test("that failed within the resolution of T0 is not before T0", () => {
    const early = outage({ lastGood: atMs(1105), firstFailed: atMs(1109) });
    expect(mark(drill({ t1: false, outages: { outages: [early] } }), "T1")).toMatchObject({
      atUs: 1_110_000,
      resolutionUs: 5000,
    });
  });

  test.each([
    ["no probe failed", { outages: [], outagesInAll: 0 }, "no probe failed after T0"],
    [
      "clients were cut off before",
      { outages: [outage({ lastGood: atMs(800), firstFailed: atMs(900) })] },
      "before T0 already",
    ],
  ])("is not measured where %s", (_, outages, reason) => {
    const T1 = mark(drill({ t1: false, outages }), "T1");
    expect(T1?.status === "not_measured" ? T1.reason : T1).toContain(reason);
  });

  test("is not measured where nobody read the prober's log", () => {
    expect(mark(drill({ t1: false, outages: null }), "T1")).toMatchObject({ reason: "the prober's log was not read" });
  });

  test("is not applicable to a planned switchover, whatever the prober saw", () => {
    const steps = failoverSteps().map((step) => (step.id === "kill" ? { ...step, effect: "read" as const } : step));
    expect(mark(measured(failover({ t1: false }), failoverPlan({ steps })), "T1")?.status).toBe("not_applicable");
  });
});

describe("T2", () => {
  const decided = (answers: (journal: JournalBuilder) => JournalBuilder): RunResult => {
    const steps = failoverSteps().toSpliced(4, 0, ask("one", "disaster", "detect"), ask("two", "disaster", "one"));
    return measured(returned(verifiedFailover(takenOver(answers(struck())))).cleanup(), failoverPlan({ steps }));
  };

  test("is the last agreement before the recovery: only then was it decided", () => {
    const result = decided((journal) =>
      journal
        .begin("one")
        .after(1000)
        .fact("one", waited(1140, 2140))
        .mark("T2", { source: "approval" })
        .succeed("one")
        .begin("two")
        .after(500)
        .fact("two", waited(2140, 2640))
        .succeed("two"),
    );
    expect(mark(result, "T2")).toMatchObject({ atUs: 2_640_000, source: "approval", note: "approved by dana" });
    expect(result.durations.start).toMatchObject({ valueUs: 0 });
    expect(result.durations.humanWait).toMatchObject({ valueUs: 1_500_000 });
  });

  test("is no agreement that was given before T0, nor one in the course of the recovery", () => {
    const steps = [
      ask("before", "prepare", "traffic"),
      ...failoverSteps().flatMap((step) =>
        step.id === "promote" ? [ask("during", "recover", "fence"), step] : [step],
      ),
    ];
    const journal = struck({ disaster: [] }).phase("recover").begin("fence").after(300).succeed("fence");
    journal.begin("during").after(200).fact("during", waited(1440, 1640)).mark("T2").succeed("during");
    journal.ok("promote", 100).begin("service").mark("T4").mark("T5").succeed("service");
    const result = measured(returned(verifiedFailover(journal)).cleanup(), failoverPlan({ steps }));
    expect(mark(result, "T2")).toMatchObject({ atUs: 1_140_000, note: "automatic: the recover phase began" });
    expect(result.durations.humanWait).toMatchObject({ valueUs: 200_000 });
  });

  test("given as the first step of the recovery stands before T3: to ask is no recovery action", () => {
    const steps = failoverSteps().flatMap((step) =>
      step.id === "fence" ? [ask("go", "recover", null), { ...step, after: "go" }] : [step],
    );
    const journal = struck()
      .phase("recover")
      .begin("go")
      .after(700)
      .fact("go", waited(1140, 1840))
      .mark("T2")
      .succeed("go");
    const result = measured(returned(verifiedFailover(takenOver(journal))).cleanup(), failoverPlan({ steps }));
    expect([mark(result, "T2"), mark(result, "T3")]).toMatchObject([{ atUs: 1_840_000 }, { atUs: 1_840_000 }]);
  });
});

describe("waiting for people", () => {
  const waits = (...facts: readonly ReturnType<typeof waited>[]): RunResult["durations"]["humanWait"] =>
    drill({ disaster: facts }).durations.humanWait;

  test("is a measured zero where nobody was asked", () => {
    expect(drill().durations.humanWait).toMatchObject({ status: "measured", valueUs: 0 });
  });

  test("counts two who were asked at once once", () => {
    expect(waits(waited(1120, 1130), waited(1125, 1135))).toMatchObject({
      valueUs: 15_000,
      loUs: 15_000,
      hiUs: 15_000,
    });
  });

  test("counts what lies between T0 and T6 only, with the resolution of both", () => {
    expect(waits(waited(500, 1109))).toMatchObject({ valueUs: 0, hiUs: 1000 });
    expect(waits(waited(500, 1120))).toMatchObject({ valueUs: 10_000, loUs: 10_000, hiUs: 12_000 });
    expect(waits(waited(2100, 9000))).toMatchObject({ valueUs: 100_000, loUs: 90_000, hiUs: 100_000 });
  });

  test("before T0 is listed all the same", () => {
    expect(drill({ disaster: [waited(200, 900)] }).observed.humanWaits).toMatchObject([
      { who: "dana", step: "detect" },
    ]);
  });

  test("runs to the end of the recovery where T6 was not reached", () => {
    const steps = failoverSteps().toSpliced(4, 0, ask("decide", "disaster", "detect"));
    const journal = struck()
      .begin("decide")
      .after(3000)
      .fact("decide", waited(1140, 4140, { decision: "timed_out", who: null }));
    const result = measured(
      journal
        .halt("halt")
        .add({ type: "step.stopped", data: { step: "decide", attempt: 1 } })
        .cleanup(),
      failoverPlan({ steps }),
    );
    expect(result.durations.humanWait).toMatchObject({ valueUs: 3_000_000 });
  });

  test("that was interrupted is not measured: nobody recorded how long it was", () => {
    const steps = failoverSteps().toSpliced(4, 0, ask("decide", "disaster", "detect"));
    const journal = struck().begin("decide").after(3000).halt("signal");
    const result = measured(
      journal.add({ type: "step.stopped", data: { step: "decide", attempt: 1 } }).cleanup(),
      failoverPlan({ steps }),
    );
    expect(result.durations.humanWait).toMatchObject({
      status: "not_measured",
      reason: "the wait for an answer to 'decide' was interrupted",
    });
  });
});

describe("the outage of the clients", () => {
  const seen = (outages: FailoverChanges["outages"]): RunResult["durations"]["outageClient"] =>
    drill({ outages: outages ?? null }).durations.outageClient;

  test("goes from the last good probe to the first good write, shorter by up to one probe at each end", () => {
    expect(seen({})).toMatchObject({ valueUs: 933_000, loUs: 913_000, hiUs: 933_000 });
  });

  test("is shorter by what lay between two probes on a busy machine, but not by a deadline that clients wait for as well", () => {
    const late = outage({ firstFailed: atMs(1147), lastFailed: atMs(1990) });
    expect(seen({ outages: [late] })).toMatchObject({ valueUs: 933_000, loUs: 843_000, hiUs: 933_000 });
    const hung = outage({ firstFailed: atMs(1617), lastFailed: atMs(1620) });
    expect(seen({ outages: [hung] })).toMatchObject({ valueUs: 933_000, loUs: 503_000, hiUs: 933_000 });
  });

  test("is the first one that was not over at T0", () => {
    const before = outage({ lastGood: atMs(300), firstFailed: atMs(310), firstWrite: atMs(400) });
    const after = outage({ lastGood: atMs(4000), firstFailed: atMs(4010), firstWrite: atMs(5000) });
    expect(seen({ outages: [before, outage(), after], outagesInAll: 3 })).toMatchObject({ valueUs: 933_000 });
    const across = outage({ lastGood: atMs(900), firstFailed: atMs(1000), firstWrite: atMs(2040) });
    expect(seen({ outages: [before, across, after], outagesInAll: 3 })).toMatchObject({ valueUs: 1_140_000 });
  });

  test("that was not seen is shorter than the time between two probes", () => {
    expect(seen({ outages: [], outagesInAll: 0, failed: 0 })).toMatchObject({
      status: "measured",
      valueUs: 0,
      hiUs: 10_453,
      text: "none seen (< 10.5 ms)",
    });
  });

  test.each([
    [
      "never ended",
      { outages: [outage({ firstWrite: null })] },
      "it never ended: no write was acknowledged for 4.28 s",
    ],
    ["had nothing good before it", { outages: [outage({ lastGood: null })] }, "no probe was good before the outage"],
    [
      "was preceded by a silence of the prober",
      { outages: [outage({ lastGood: atMs(1), firstFailed: atMs(4600), firstWrite: atMs(5000) })] },
      "the prober was silent for 4.60 s before its first failure",
    ],
    ["came while nobody watched", { watchedFrom: atMs(1200) }, "the prober did not watch when T0 came"],
    ["nobody watched at all", { probes: 0, outages: [] }, "the prober did not watch when T0 came"],
    [
      "was not watched for",
      { outages: [], outagesInAll: 0, watchedTo: atMs(1110) },
      "the prober did not watch after T0",
    ],
    ["was not kept", { outages: [], outagesInAll: 2 }, "not every outage that the prober saw was kept"],
  ])("that %s is not measured", (_, outages, reason) => {
    expect(seen(outages)).toEqual({ status: "not_measured", reason });
  });

  test("is not measured where the log was not read, and not applicable where no prober ran", () => {
    expect(seen(null)).toEqual({ status: "not_measured", reason: "the prober's log was not read" });
    const bare = failover({ outages: null, loss: null }).records.filter(
      (record) => record.type !== "fact" || record.data.fact.kind !== "traffic",
    );
    expect(measure(failoverPlan(), bare).durations.outageClient.status).toBe("not_applicable");
  });
});

describe("the segments from T0 to the first write", () => {
  const values = ({ segments }: RunResult): readonly (readonly [string, number])[] =>
    segments.map(({ name, duration }) => [name, duration.status === "measured" ? duration.valueUs / 1000 : -1]);
  const whole = (result: RunResult): number => values(result).reduce((sum, [, ms]) => sum + ms, 0);

  test("follow each other and add up", () => {
    const result = drill();
    expect(values(result)).toEqual([
      ["detection", 5],
      ["decision", 25],
      ["start", 0],
      ["fencing", 260],
      ["choice", 50],
      ["promotion", 550],
      ["first_write", 40],
    ]);
    expect(whole(result)).toBe(930);
  });

  test("leave out what nobody waited for", () => {
    const late = outage({ firstFailed: atMs(2000), reason: "answer_timeout" });
    const result = drill({ t1: false, outages: { outages: [late] } });
    expect(values(result).map(([name]) => name)).not.toContain("detection");
    expect(whole(result)).toBe(930);
  });

  test("put a promotion that was noticed after the first write where the write was", () => {
    const result = drill({ promotion: { promoted: atMs(2043) } });
    expect(values(result).slice(-2)).toEqual([
      ["promotion", 590],
      ["first_write", 0],
    ]);
    expect(whole(result)).toBe(930);
  });

  test("are none where no standby took over", () => {
    const records = failover().records.filter(
      (record) => record.type !== "fact" || record.data.fact.kind !== "promotion",
    );
    const { segments, durations } = measure(failoverPlan(), records);
    expect(segments).toEqual([]);
    expect(durations.promotion.status).toBe("not_applicable");
    expect(durations.unprotected.status).toBe("not_applicable");
  });
});

describe("the return phase", () => {
  test("has a time of its own, from its begin to the end of its last step", () => {
    expect(drill().durations.failback).toMatchObject({ valueUs: 3_200_000 });
  });

  test("overwrites no mark and no fact of the recovery", () => {
    const journal = verifiedFailover(takenOver(struck())).phase("return").begin("rebuild").after(1000);
    journal.mark("T0").mark("T1").mark("T2").mark("T4").mark("T5").mark("T7");
    journal.fact("rebuild", promotion({ node: "a", asked: atMs(2900), promoted: atMs(3000) }));
    journal.fact("rebuild", { ...fencing(), node: "b", how: "stopped", proofs: [], at: atMs(2800) });
    const result = measured(journal.succeed("rebuild").ok("ledger", 1).cleanup());
    const plain = drill();
    expect(result.marks).toEqual(plain.marks);
    expect(result.segments).toEqual(plain.segments);
    expect(result.durations.fencing).toEqual(plain.durations.fencing);
    expect(result.loss.replicationLag).toEqual(plain.loss.replicationLag);
  });

  test("that did not end as it should is not measured", () => {
    const journal = verifiedFailover(takenOver(struck())).phase("return").errors("rebuild", "permanent", 10);
    expect(measured(journal.ok("ledger", 1).cleanup()).durations.failback).toEqual({
      status: "not_measured",
      reason: "required step 'rebuild' did not succeed",
    });
    expect(measured(verifiedFailover(takenOver(struck())).cleanup()).durations.failback).toEqual({
      status: "not_measured",
      reason: "the drill stopped before the return phase",
    });
  });
});

describe("without a standby", () => {
  test("is from T0 to the rebuilt one, which may have streamed since it was last seen not to", () => {
    expect(drill().durations.unprotected).toMatchObject({ valueUs: 3_990_000, loUs: 3_930_000, hiUs: 3_992_000 });
  });

  test("ends earlier where one was seen to stream from the new primary, at an unknown time since T0", () => {
    const journal = verifiedFailover(takenOver(struck()).fact("service", replication(2045, { primary: "b" })));
    expect(measured(returned(journal).cleanup()).durations.unprotected).toMatchObject({ valueUs: 935_000, loUs: 0 });
  });

  test("does not end with what streamed before the promotion", () => {
    const journal = struck().fact("detect", replication(1139));
    const result = measured(returned(verifiedFailover(takenOver(journal))).cleanup());
    expect(result.durations.unprotected).toMatchObject({ valueUs: 3_990_000 });
  });

  test("is not measured where nothing streamed again", () => {
    const journal = verifiedFailover(takenOver(struck())).cleanup();
    expect(measured(journal).durations.unprotected).toEqual({
      status: "not_measured",
      reason: "nothing streamed from the new primary",
    });
  });
});

describe("the replication lag", () => {
  const lag = (changes: FailoverChanges): RunResult["loss"]["replicationLag"] => drill(changes).loss.replicationLag;
  const reasonOf = (changes: FailoverChanges): string => {
    const found = lag(changes);
    return found.status === "measured" ? found.text : found.reason;
  };

  test("is that of the standby that was promoted, with its age at T0", () => {
    expect(lag({})).toMatchObject({ node: "b", lagBytes: 256, lagUs: 800, ageUs: 1_010_000 });
    expect(lag({ promotion: { node: "c" } })).toMatchObject({ node: "c", lagBytes: 4096, lagUs: null });
  });

  test("is that of the most advanced where nobody was promoted", () => {
    expect(measured(struck().cleanup()).loss.replicationLag).toMatchObject({ node: "b", lagBytes: 256 });
  });

  test("is never one that was seen after T0", () => {
    const later = replication(1139, { standbys: [] });
    expect(lag({ disaster: [later] })).toMatchObject({ node: "b", lagBytes: 256 });
    expect(reasonOf({ replication: null, disaster: [later] })).toBe("no step observed the replicas before T0");
  });

  test.each([
    [
      "nobody knows the position",
      { standbys: [{ ...standby("b"), lagBytes: null }] },
      "how far 'b' was behind could not be told before T0",
    ],
    ["the promoted one was not seen", { standbys: [standby("c")] }, "'b' was not among the standbys seen before T0"],
  ])("is not measured where %s", (_, changes, reason) => {
    expect(reasonOf({ replication: changes })).toBe(reason);
  });

  test("is not measured where no standby streamed", () => {
    const still = { standbys: [{ ...standby("b"), streaming: false }] };
    const { replicationLag } = measured(struck({ replication: still }).cleanup()).loss;
    expect(replicationLag).toMatchObject({ status: "not_measured", reason: "no standby streamed before T0" });
  });
});

function standby(node: string): ReturnType<typeof replication>["standbys"][number] {
  const at = { receivedLsn: "0/5000000", replayedLsn: "0/5000000" };
  return { node, reachable: true, streaming: true, sync: null, ...at, lagBytes: 1, lagUs: null };
}

test("what the traffic is goes into the result without its folder, processes and secret", () => {
  const { observed } = drill();
  expect(observed.traffic).toMatchObject({
    path: "a.example:5432, b.example:5432, c.example:5432 (read-write)",
    writers: 4,
  });
  const fact = traffic();
  const secret = fact.kind === "traffic" ? fact.traffic.path.password : null;
  expect(JSON.stringify(observed)).not.toContain(secret ?? "?");
  expect(JSON.stringify(observed.traffic)).not.toContain("/runs/");
});
