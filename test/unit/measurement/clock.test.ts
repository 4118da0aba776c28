import { describe, expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import { BOOT_UNCERTAINTY_US } from "../../../src/drills/measurement/timeline.ts";
import type { RunResult } from "../../../src/drills/result.ts";
import { complete, declared, prepared, recovered, sandboxed, verified } from "../../support/measure-drill.ts";
import type { JournalBuilder } from "../../support/measure-journal.ts";
import { drillPlan, holdStep, planStep, restoreSteps } from "../../support/measure-plan.ts";

const measured = (journal: JournalBuilder, plan = drillPlan()): RunResult => measure(plan, journal.records);
const mark = (result: RunResult, name: string) => result.marks.find((each) => each.mark === name);

describe("durations", () => {
  test("come out as worked out by hand", () => {
    const { durations } = measured(complete());
    expect(durations.rtaTotal).toMatchObject({
      valueUs: 12_000_000,
      loUs: 11_990_000,
      hiUs: 12_000_000,
      text: "12.00 s ±0.01",
    });
    expect(durations.rtaTechnical).toMatchObject({ valueUs: 12_000_000, loUs: 11_990_000, hiUs: 12_010_000 });
    expect(durations.firstRead).toMatchObject({ valueUs: 8_990_000, loUs: 8_985_000, hiUs: 9_000_000 });
    expect(durations.humanWait).toMatchObject({ status: "measured", valueUs: 0 });
    expect(durations.run).toMatchObject({ valueUs: 14_800_000 });
  });

  test("stay the same over a change of the orchestrator on the same boot", () => {
    const journal = verified(recovered(sandboxed().after(30_000).resume()));
    expect(measured(complete(journal)).durations.rtaTotal).toMatchObject({ valueUs: 42_000_000, clockSuspect: false });
  });

  test("across a boot rest on the wall clock, with the uncertainty and the flag", () => {
    const result = measured(
      complete(recovered(sandboxed().reboots(30_000).resume(true)).phase("verify").pass("rows", 3000)),
    );
    const valueUs = 42_000_000;
    expect(result.durations.rtaTotal).toMatchObject({
      valueUs,
      loUs: valueUs - 10_000 - BOOT_UNCERTAINTY_US,
      hiUs: valueUs + BOOT_UNCERTAINTY_US,
      clockSuspect: true,
    });
    expect(result.clock).toMatchObject({ suspect: true, bootChanges: 1 });
    expect(result.deviations.map((each) => each.code)).toContain("CLOCK_SUSPECT");
    expect(result.durations.verification).toMatchObject({ clockSuspect: false, valueUs: 3_010_000 });
  });

  test("that end before they begin are not measured", () => {
    const journal = prepared()
      .phase("disaster")
      .begin("declare")
      .mark("T0", { monoUs: 9_000_000_000 })
      .succeed("declare");
    const result = measured(
      complete(journal.phase("recover").ok("sandbox", 1).ok("restore", 1).phase("verify").pass("rows", 1)),
    );
    expect(result.durations.rtaTotal.status).toBe("not_measured");
    expect(result.objectives.rto.verdict).toBe("not_measured");
  });

  test("whose ends contradict each other within their resolutions are next to nothing", () => {
    const journal = prepared().phase("disaster").begin("declare").after(10).mark("T0", { resolutionUs: 5000 });
    const { wallUs, monoUs } = journal.records.at(-1) ?? { wallUs: 0, monoUs: 0 };
    const at = (us: number) => ({ wallUs: wallUs - us, monoUs: monoUs - us, resolutionUs: 1000 });
    const detection = (us: number): RunResult["durations"]["detection"] => {
      const { records } = journal;
      const before = { seq: records.length + 1, epoch: 1, boot: "boot-a", wallUs, monoUs };
      const data = { mark: "T1", source: "prober", note: null, ...at(us) } as const;
      return measure(drillPlan(), [...records, { ...before, type: "mark", data }]).durations.detection;
    };
    expect(detection(3000)).toMatchObject({ status: "measured", valueUs: 0, loUs: 0, hiUs: 2000 });
    expect(detection(5001)).toMatchObject({ status: "not_measured" });
  });

  test("a jump of the wall clock is found, named, and changes none of them", () => {
    const plain = measured(complete());
    const jumped = measured(complete(verified(recovered().wallJumps(-3_600_000))));
    expect(jumped.durations).toEqual(plain.durations);
    expect(jumped.clock.wallJumps).toMatchObject([{ jumpUs: -3_600_000_000 }]);
    expect(jumped.deviations.map((each) => each.code)).toContain("WALL_CLOCK_JUMPED");
  });

  test("slewing of the wall clock is no jump", () => {
    const journal = sandboxed();
    journal.begin("restore").after(600_000).wallJumps(300).succeed("restore");
    expect(measured(complete(journal.phase("verify").pass("rows", 1))).clock.wallJumps).toEqual([]);
  });
});

describe("marks", () => {
  test("T1 was not measured where a fault was injected and nobody probed", () => {
    const steps = restoreSteps().map((step) =>
      step.id === "declare" ? { ...step, effect: "disruptive" as const } : step,
    );
    expect(mark(measured(complete(), drillPlan({ steps })), "T1")?.status).toBe("not_measured");
  });

  test("T5 is not applicable to a restore that ends read-only", () => {
    const database = {
      engine: "postgresql",
      sandbox: "sb-1",
      host: "127.0.0.1",
      port: 1,
      user: "u",
      database: "d",
      password: null,
    } as const;
    const journal = sandboxed()
      .begin("restore")
      .after(10)
      .mark("T4")
      .fact("restore", { kind: "service", database, writable: false })
      .succeed("restore");
    const result = measured(complete(journal.phase("verify").pass("rows", 20)));
    expect(mark(result, "T5")).toMatchObject({ status: "not_applicable", reason: "the restore ends read-only" });
    expect(result.durations.firstWrite.status).toBe("not_applicable");
    expect(result.durations.verification).toMatchObject({ valueUs: 20_000 });
  });

  test("of several T0 the first counts, of several T4 the last: the reading that makes the recovery longer", () => {
    const journal = declared().after(1000).mark("T0");
    const result = measured(complete(verified(recovered(sandboxed(journal)).mark("T4"))));
    expect(mark(result, "T0")).toMatchObject({ atUs: 2_000_000 });
    expect(mark(result, "T4")).toMatchObject({ atUs: 12_000_000 });
    expect(result.durations.rtaTotal).toMatchObject({ valueUs: 13_000_000 });
  });

  test("a T4 of a restore that then failed is kept with a word on it", () => {
    const journal = sandboxed().begin("restore").after(5).mark("T4").errors("restore", "subject", 5);
    expect(mark(measured(journal.cleanup("sb-1")), "T4")).toMatchObject({
      note: "recorded before the recover phase failed",
    });
  });

  test("T6 is the last required check; an optional one after it does not move it", () => {
    const result = measured(verified().pass("amcheck", 60_000).cleanup("sb-1"));
    expect(mark(result, "T6")).toMatchObject({ atUs: 14_000_000, source: "orchestrator", resolutionUs: 10_000 });
  });

  test("T7 without a hold window is T6 and says so", () => {
    expect(mark(measured(complete()), "T7")).toMatchObject({
      atUs: 14_000_000,
      note: "hold is 0: the window ends with the last required check",
    });
  });

  test("no recovery time is given before the hold window was kept", () => {
    const plan = drillPlan({ objectives: { holdMs: 3000 }, steps: [...restoreSteps(), holdStep()] });
    const result = measured(verified().pass("amcheck", 1).phase("hold").begin("hold").after(3000), plan);
    expect(result.durations.rtaTotal).toMatchObject({ status: "not_measured" });
    expect(result.objectives.rto).toMatchObject({ verdict: "not_measured", recovered: false });
  });

  test("marks set after cleanup began do not count", () => {
    const journal = prepared().beginCleanup().mark("T0").endCleanup();
    expect(mark(measured(journal), "T0")?.status).toBe("not_measured");
  });
});

describe("a step's own numbers", () => {
  test("go from its first start to its last end, waits between attempts included", () => {
    const journal = declared().phase("recover").errors("sandbox", "transient", 500).after(2000);
    journal.begin("sandbox", 2).resource("sb-1").after(700).succeed("sandbox", { attempt: 2 });
    const row = measured(complete(verified(recovered(journal)))).steps.find((step) => step.id === "sandbox");
    expect(row).toMatchObject({
      outcome: "succeeded",
      attempts: 2,
      startedAtUs: 2_000_000,
      endedAtUs: 5_200_000,
      failure: null,
    });
    expect(row?.duration).toMatchObject({ valueUs: 3_200_000 });
  });

  test("work that was done before it could be stopped counts, and is noted", () => {
    const journal = sandboxed()
      .begin("restore")
      .after(1000)
      .add({ type: "step.deadline_passed", data: { step: "restore", attempt: 1 } });
    const result = measured(complete(verified(journal.after(20).succeed("restore"))));
    expect(result.steps.find((step) => step.id === "restore")).toMatchObject({ outcome: "succeeded" });
    expect(result.deviations.map((each) => each.code)).toContain("STEP_LATE");
    expect(result.result).toBe("passed_with_deviations");
  });

  test("what breaks after its deadline is an echo, unless the subject is found broken", () => {
    const late = () =>
      sandboxed()
        .begin("restore")
        .after(1000)
        .add({ type: "step.deadline_passed", data: { step: "restore", attempt: 1 } });
    const error = { code: "X", message: "m", hint: null, details: {} };
    const broke = (which: "transient" | "subject") =>
      measured(
        late()
          .add({ type: "step.errored", data: { step: "restore", attempt: 1, error: { ...error, class: which } } })
          .cleanup("sb-1"),
      );
    expect(broke("transient")).toMatchObject({ result: "aborted", rule: "DEADLINE" });
    expect(broke("subject")).toMatchObject({ result: "failed", rule: "SUBJECT_FAILED" });
  });

  test("that would not stop is stopped where the run goes on without it, and noted", () => {
    const journal = sandboxed().begin("restore").after(10).halt("signal").after(30_000);
    const result = measured(journal.add({ type: "stopping.deadline_passed", data: {} }).cleanup("sb-1"));
    expect(result.steps.find((step) => step.id === "restore")).toMatchObject({ outcome: "stopped" });
    expect(result.deviations.map((each) => each.code)).toContain("STOP_OVERDUE");
  });

  test("a condition that turned false after a failed attempt excuses nothing", () => {
    const journal = declared().phase("recover").errors("sandbox", "transient", 5).skip("sandbox", "condition");
    const result = measured(journal.ok("restore", 5).phase("verify").pass("rows", 5).pass("amcheck", 5).cleanup());
    expect(result.reasons.map((reason) => reason.rule)).toContain("STEP_NOT_RUN");
  });
});

test("a journal without a begin, or of another plan, is refused by name", () => {
  expect(() => measure(drillPlan(), [])).toThrow(expect.objectContaining({ code: "MEASURE_NO_START" }));
  const other = drillPlan({ steps: [planStep("else", "prepare")] });
  expect(() => measure(other, complete().records)).toThrow(expect.objectContaining({ code: "MEASURE_PLAN_MISMATCH" }));
});
