import { describe, expect, test } from "vitest";
import { measure } from "../../../src/drills/measure.ts";
import { RULE_NAMES } from "../../../src/drills/measurement/verdict-schema.ts";
import type { Plan } from "../../../src/drills/plan.ts";
import type { RunResult } from "../../../src/drills/result.ts";
import {
  begun,
  complete,
  declared,
  heartbeat,
  prepared,
  recovered,
  recoveryPoint,
  sandboxed,
  server,
  verified,
} from "../../support/measure-drill.ts";
import type { JournalBuilder } from "../../support/measure-journal.ts";
import { checkStep, drillPlan, holdStep, planStep, restoreSteps } from "../../support/measure-plan.ts";

interface Situation {
  readonly name: string;
  readonly plan?: Plan;
  readonly journal: () => JournalBuilder;
  readonly result: RunResult["result"];
  readonly exitCode: number;
  readonly rule: RunResult["rule"];
  readonly rto?: string;
  readonly rpo?: string;
  readonly also?: readonly RunResult["rule"][];
}

const slow = drillPlan({ objectives: { rtoMs: 5000 } });
const noTargets = drillPlan({ objectives: { rtoMs: null, rpoMs: null } });
const technical = drillPlan({ objectives: { clock: "technical", rtoMs: 11_000 } });
const withHold = drillPlan({ objectives: { holdMs: 3000 }, steps: [...restoreSteps(), holdStep()] });
const withReturn = drillPlan({ steps: [...restoreSteps(), planStep("failback", "return")] });
const optionalLoad = drillPlan({
  steps: [...restoreSteps(), planStep("load", "verify", { required: false, after: "amcheck" })],
});
const withExpect = drillPlan({
  steps: restoreSteps().map((step) => (step.id === "restore" ? { ...step, expect: "outputs.files > 0" } : step)),
});
const noVerify = drillPlan({ steps: restoreSteps().filter((step) => step.phase !== "verify") });
const onlyOptional = drillPlan({
  steps: restoreSteps().map((step) => ({ ...step, required: step.phase !== "verify" })),
});
const noDisaster = drillPlan({ steps: restoreSteps().filter((step) => step.phase !== "disaster") });
const twoChecks = drillPlan({ steps: [...restoreSteps(), checkStep("schema", "verify", { after: "amcheck" })] });
const dependent = drillPlan({
  steps: [
    ...restoreSteps(),
    planStep("load", "verify", { required: false }),
    planStep("report", "verify", { needs: ["load"] }),
  ],
});

const restoredIn = (ms: number): JournalBuilder => {
  const journal = sandboxed().ok("restore", ms);
  return journal.phase("verify").pass("rows", 1000).pass("amcheck", 1000).cleanup("sb-1");
};
const rowsFails = (journal: JournalBuilder): JournalBuilder =>
  journal.phase("verify").checkFails("rows", 3000).pass("amcheck", 500).cleanup("sb-1");
const end = (journal: JournalBuilder): JournalBuilder => journal.pass("amcheck", 500).cleanup("sb-1");
const held = (journal: JournalBuilder): JournalBuilder => journal.pass("amcheck", 500).phase("hold").begin("hold");
const skipRest = (journal: JournalBuilder): JournalBuilder =>
  journal.skip("rows", "phase_stopped").skip("amcheck", "phase_stopped").cleanup("sb-1");

const situations: readonly Situation[] = [
  // passed
  {
    name: "everything as it should be",
    journal: complete,
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
    rto: "met",
    rpo: "met",
  },
  {
    name: "no objective is set: nothing is judged",
    plan: noTargets,
    journal: complete,
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
    rto: "not_set",
    rpo: "not_set",
  },
  {
    name: "a hold window kept to its end",
    plan: withHold,
    journal: () =>
      held(verified())
        .after(3001)
        .mark("T7")
        .succeed("hold", { check: { title: "h", expected: "up", actual: "up", coverage: null } })
        .cleanup("sb-1"),
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
    rto: "met",
  },
  {
    name: "an expectation that holds",
    plan: withExpect,
    journal: complete,
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
  },
  {
    name: "nothing was created, so nothing is left",
    journal: () => end(verified(recovered(declared().phase("recover").ok("sandbox", 1000)))),
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
  },
  {
    name: "a simulated run passes, marked",
    journal: () => complete(verified(recovered(sandboxed(declared(prepared(begun("simulated"))))))),
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
  },

  // passed_with_deviations
  {
    name: "an optional check failed",
    journal: () => verified().checkFails("amcheck", 500).cleanup("sb-1"),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "an optional check gave no answer",
    journal: () => verified().errors("amcheck", "permanent", 500).cleanup("sb-1"),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "an optional check was not run",
    journal: () => verified().skip("amcheck", "needs_not_met").cleanup("sb-1"),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "an optional step broke",
    plan: optionalLoad,
    journal: () => verified().pass("amcheck", 500).errors("load", "permanent", 10).cleanup("sb-1"),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "a step needed a second attempt",
    journal: () =>
      complete(
        verified(
          recovered(
            declared()
              .phase("recover")
              .errors("sandbox", "transient", 500)
              .begin("sandbox", 2)
              .resource("sb-1")
              .after(500)
              .succeed("sandbox", { attempt: 2 }),
          ),
        ),
      ),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "a required check was left out by its condition, another passed",
    plan: twoChecks,
    journal: () => verified().pass("amcheck", 500).skip("schema", "condition").cleanup("sb-1"),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "a step noted a deviation",
    journal: () => complete(verified().deviation("SOMETHING_ELSE", "rows")),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "the copy ran without fsync while an RTO is judged",
    journal: () => complete(verified().fact("restore", server("throwaway"))),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "the run was taken over",
    journal: () => complete(verified().resume()),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },
  {
    name: "halted only while it cleaned up",
    journal: () => verified().pass("amcheck", 500).beginCleanup().halt("signal").destroyed("sb-1").endCleanup(),
    result: "passed_with_deviations",
    exitCode: 0,
    rule: "DEVIATIONS",
  },

  // failed
  {
    name: "too slow",
    plan: slow,
    journal: complete,
    result: "failed",
    exitCode: 1,
    rule: "OBJECTIVE_MISSED",
    rto: "missed",
    rpo: "met",
  },
  {
    name: "too slow by the technical clock",
    plan: technical,
    journal: complete,
    result: "failed",
    exitCode: 1,
    rule: "OBJECTIVE_MISSED",
    rto: "missed",
  },
  {
    name: "lost too much by the heartbeat",
    plan: drillPlan({ objectives: { rpoMs: 4000 } }),
    journal: complete,
    result: "failed",
    exitCode: 1,
    rule: "OBJECTIVE_MISSED",
    rto: "met",
    rpo: "missed",
  },
  {
    name: "a required check answered no",
    journal: () => rowsFails(recovered()),
    result: "failed",
    exitCode: 1,
    rule: "CHECK_FAILED",
    rto: "missed",
    rpo: "not_measured",
    also: ["NOT_RECOVERED", "OBJECTIVE_NOT_MEASURED"],
  },
  {
    name: "a required check answered no and nothing is judged",
    plan: noTargets,
    journal: () => rowsFails(recovered()),
    result: "failed",
    exitCode: 1,
    rule: "CHECK_FAILED",
    rto: "not_set",
  },
  {
    name: "a required check found the subject broken",
    journal: () => recovered().phase("verify").errors("rows", "subject", 300).pass("amcheck", 1).cleanup("sb-1"),
    result: "failed",
    exitCode: 1,
    rule: "CHECK_FAILED",
    also: ["NOT_RECOVERED"],
  },
  {
    name: "the backup is damaged",
    journal: () => skipRest(sandboxed().errors("restore", "subject", 900)),
    result: "failed",
    exitCode: 1,
    rule: "SUBJECT_FAILED",
    rto: "missed",
    rpo: "not_measured",
    also: ["NOT_RECOVERED", "CHECK_NOT_MEASURED"],
  },
  {
    name: "there is no usable backup",
    journal: () => begun().phase("prepare").errors("backup", "subject", 300).cleanup(),
    result: "failed",
    exitCode: 1,
    rule: "SUBJECT_FAILED",
    rto: "not_measured",
    rpo: "not_measured",
  },
  {
    name: "an expectation is false",
    plan: withExpect,
    journal: () => skipRest(sandboxed().checkFails("restore", 900)),
    result: "failed",
    exitCode: 1,
    rule: "CHECK_FAILED",
    also: ["NOT_RECOVERED"],
  },
  {
    name: "restoring ran out of time beyond the RTO",
    plan: slow,
    journal: () => skipRest(sandboxed().timesOut("restore", 60_000)),
    result: "failed",
    exitCode: 1,
    rule: "NOT_RECOVERED",
    rto: "missed",
    also: ["DEADLINE_MISSED"],
  },
  {
    name: "the recover phase ran out of time beyond the RTO",
    plan: slow,
    journal: () =>
      skipRest(
        sandboxed()
          .begin("restore")
          .after(60_000)
          .add({ type: "phase.deadline_passed", data: { phase: "recover" } })
          .add({ type: "step.stopped", data: { step: "restore", attempt: 1 } }),
      ),
    result: "failed",
    exitCode: 1,
    rule: "NOT_RECOVERED",
    also: ["DEADLINE_MISSED"],
  },
  {
    name: "the service did not stay healthy",
    plan: withHold,
    journal: () => verified().pass("amcheck", 500).phase("hold").checkFails("hold", 2000).cleanup("sb-1"),
    result: "failed",
    exitCode: 1,
    rule: "CHECK_FAILED",
    rto: "missed",
    also: ["NOT_RECOVERED"],
  },
  {
    name: "a required check failed and another gave no answer",
    plan: twoChecks,
    journal: () =>
      recovered()
        .phase("verify")
        .checkFails("rows", 10)
        .pass("amcheck", 5)
        .errors("schema", "permanent", 5)
        .cleanup("sb-1"),
    result: "failed",
    exitCode: 1,
    rule: "CHECK_FAILED",
    also: ["NOT_RECOVERED", "CHECK_NOT_MEASURED"],
  },

  // inconclusive
  {
    name: "a required check gave no answer",
    journal: () => recovered().phase("verify").errors("rows", "permanent", 300).pass("amcheck", 1).cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "CHECK_NOT_MEASURED",
    rto: "not_measured",
    also: ["OBJECTIVE_NOT_MEASURED"],
  },
  {
    name: "a required check ran out of time",
    journal: () => recovered().phase("verify").timesOut("rows", 300).pass("amcheck", 1).cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "CHECK_NOT_MEASURED",
    also: ["OBJECTIVE_NOT_MEASURED"],
  },
  {
    name: "a required check looked at nothing",
    plan: noTargets,
    journal: () =>
      recovered()
        .phase("verify")
        .pass("rows", 300, { coverage: { checked: 0, total: 14, unit: "tables" } })
        .pass("amcheck", 1)
        .cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "CHECK_NOT_MEASURED",
  },
  {
    name: "a required check had nothing to look at",
    plan: noTargets,
    journal: () =>
      recovered()
        .phase("verify")
        .pass("rows", 300, { coverage: { checked: 0, total: 0, unit: "tables" } })
        .pass("amcheck", 1)
        .cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "CHECK_NOT_MEASURED",
  },
  {
    name: "a required check did not say what it saw",
    plan: noTargets,
    journal: () => recovered().phase("verify").ok("rows", 300).pass("amcheck", 1).cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "CHECK_NOT_MEASURED",
  },
  {
    name: "there is no verify phase",
    plan: noVerify,
    journal: () => recovered().cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "NO_REQUIRED_CHECK",
    also: ["OBJECTIVE_NOT_MEASURED"],
  },
  {
    name: "every check is optional",
    plan: onlyOptional,
    journal: complete,
    result: "inconclusive",
    exitCode: 3,
    rule: "NO_REQUIRED_CHECK",
    also: ["OBJECTIVE_NOT_MEASURED"],
  },
  {
    name: "every required check was left out by its condition",
    journal: () => recovered().phase("verify").skip("rows", "condition").pass("amcheck", 1).cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "NO_REQUIRED_CHECK",
    also: ["OBJECTIVE_NOT_MEASURED"],
  },
  {
    name: "nothing sets T0",
    plan: noDisaster,
    journal: () => complete(verified(recovered(sandboxed(prepared())))),
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rto: "not_measured",
    rpo: "not_measured",
  },
  {
    name: "the RPO has neither heartbeat nor recovery point",
    journal: () => restoredIn(5000),
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rto: "met",
    rpo: "not_measured",
  },
  {
    name: "the RTO lies within the uncertainty",
    plan: drillPlan({ objectives: { rtoMs: 11_995 } }),
    journal: complete,
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rto: "not_measured",
  },
  {
    name: "the RPO lies within one beat",
    plan: drillPlan({ objectives: { rpoMs: 5000 } }),
    journal: complete,
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rpo: "not_measured",
  },
  {
    name: "the copy is younger than the disaster",
    journal: () => {
      const journal = recovered();
      return end(verified(journal.fact("restore", heartbeat(journal.wallUs))));
    },
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rto: "met",
    rpo: "not_measured",
  },
  {
    name: "the hold window was not watched",
    plan: withHold,
    journal: () =>
      held(verified())
        .after(3001)
        .succeed("hold", { check: { title: "h", expected: "up", actual: "up", coverage: null } })
        .cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rto: "not_measured",
  },
  {
    name: "the hold window was cut short",
    plan: withHold,
    journal: () =>
      held(verified())
        .after(1000)
        .mark("T7")
        .succeed("hold", { check: { title: "h", expected: "up", actual: "up", coverage: null } })
        .cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rto: "not_measured",
  },
  {
    name: "the journal ends in the middle",
    journal: sandboxed,
    result: "inconclusive",
    exitCode: 3,
    rule: "UNFINISHED",
    also: ["OBJECTIVE_NOT_MEASURED", "STEP_NOT_RUN"],
  },
  {
    name: "the journal ends before cleanup",
    journal: () => verified().pass("amcheck", 500),
    result: "inconclusive",
    exitCode: 3,
    rule: "UNFINISHED",
    rto: "met",
  },
  {
    name: "a required step was left out because an optional one failed",
    plan: dependent,
    journal: () =>
      verified().pass("amcheck", 5).errors("load", "permanent", 5).skip("report", "needs_not_met").cleanup("sb-1"),
    result: "inconclusive",
    exitCode: 3,
    rule: "STEP_NOT_RUN",
    also: ["OBJECTIVE_NOT_MEASURED"],
  },

  // aborted
  {
    name: "Ctrl-C while restoring",
    journal: () =>
      skipRest(
        sandboxed()
          .begin("restore")
          .after(100)
          .halt("signal")
          .add({ type: "step.stopped", data: { step: "restore", attempt: 1 } }),
      ),
    result: "aborted",
    exitCode: 4,
    rule: "HALTED",
    rto: "not_measured",
    also: ["CHECK_NOT_MEASURED"],
  },
  {
    name: "halted by a person",
    journal: () => skipRest(sandboxed().halt("halt", "dana")),
    result: "aborted",
    exitCode: 4,
    rule: "HALTED",
  },
  {
    name: "a guard refused",
    journal: () => prepared().halt("guard").cleanup(),
    result: "aborted",
    exitCode: 4,
    rule: "HALTED",
  },
  {
    name: "given up at the next start after a crash",
    journal: () => skipRest(sandboxed().resume().halt("recovery")),
    result: "aborted",
    exitCode: 4,
    rule: "HALTED",
  },
  {
    name: "restoring ran out of time within the RTO",
    journal: () => skipRest(sandboxed().timesOut("restore", 10_000)),
    result: "aborted",
    exitCode: 4,
    rule: "DEADLINE",
    rto: "not_measured",
  },
  {
    name: "restoring said it ran out of time",
    journal: () => skipRest(sandboxed().errors("restore", "timeout", 10_000)),
    result: "aborted",
    exitCode: 4,
    rule: "DEADLINE",
  },
  {
    name: "preparing ran out of time",
    journal: () => begun().phase("prepare").timesOut("backup", 60_000).cleanup(),
    result: "aborted",
    exitCode: 4,
    rule: "DEADLINE",
  },
  {
    name: "a deadline of the whole run",
    journal: () => skipRest(sandboxed().halt("deadline")),
    result: "aborted",
    exitCode: 4,
    rule: "DEADLINE",
  },
  {
    name: "halted after the RTO had passed: still stopped by a person, the miss is listed",
    plan: slow,
    journal: () => skipRest(sandboxed().begin("restore").after(10_000).halt("signal")),
    result: "aborted",
    exitCode: 4,
    rule: "HALTED",
    rto: "missed",
    also: ["NOT_RECOVERED"],
  },
  {
    name: "halted within the hold window of a fast recovery",
    plan: withHold,
    journal: () => held(verified()).after(50_000).halt("signal").cleanup("sb-1"),
    result: "aborted",
    exitCode: 4,
    rule: "HALTED",
    rto: "not_measured",
  },

  // error
  {
    name: "a required step broke",
    journal: () => skipRest(sandboxed().errors("restore", "permanent", 900)),
    result: "error",
    exitCode: 5,
    rule: "STEP_BROKE",
    rto: "not_measured",
  },
  {
    name: "a required step had no more attempts",
    journal: () => skipRest(sandboxed().errors("restore", "transient", 900)),
    result: "error",
    exitCode: 5,
    rule: "STEP_BROKE",
  },
  {
    name: "failing back broke",
    plan: withReturn,
    journal: () => verified().pass("amcheck", 5).phase("return").errors("failback", "permanent", 5).cleanup("sb-1"),
    result: "error",
    exitCode: 5,
    rule: "STEP_BROKE",
    rto: "met",
  },
  {
    name: "nobody knows what a step did",
    journal: () =>
      skipRest(
        sandboxed()
          .begin("restore")
          .resume()
          .add({ type: "step.in_doubt", data: { step: "restore", attempt: 1, message: "cannot tell" } }),
      ),
    result: "error",
    exitCode: 5,
    rule: "STEP_IN_DOUBT",
  },
  {
    name: "something was left over",
    journal: () => verified().pass("amcheck", 5).beginCleanup().leftover("sb-1").endCleanup(1),
    result: "error",
    exitCode: 5,
    rule: "CLEANUP_INCOMPLETE",
    rto: "met",
  },
  {
    name: "a resource was destroyed and nobody asked",
    journal: () => verified().pass("amcheck", 5).beginCleanup().destroyed("sb-1", "").endCleanup(),
    result: "error",
    exitCode: 5,
    rule: "CLEANUP_INCOMPLETE",
  },
  {
    name: "a resource is not spoken of at the end",
    journal: () => verified().pass("amcheck", 5).cleanup(),
    result: "error",
    exitCode: 5,
    rule: "CLEANUP_INCOMPLETE",
  },
  {
    name: "cleanup counted something that no record names",
    journal: () => verified().pass("amcheck", 5).beginCleanup().destroyed("sb-1").endCleanup(1),
    result: "error",
    exitCode: 5,
    rule: "CLEANUP_INCOMPLETE",
  },
  {
    name: "cleanup ran out of time",
    journal: () =>
      verified().pass("amcheck", 5).beginCleanup().after(60_000).add({ type: "cleanup.deadline_passed", data: {} }),
    result: "error",
    exitCode: 5,
    rule: "CLEANUP_INCOMPLETE",
  },
  {
    name: "too slow and something left over: error first, the miss is listed",
    plan: slow,
    journal: () => verified().pass("amcheck", 5).beginCleanup().leftover("sb-1").endCleanup(1),
    result: "error",
    exitCode: 5,
    rule: "CLEANUP_INCOMPLETE",
    rto: "missed",
    also: ["OBJECTIVE_MISSED"],
  },
  {
    name: "what was left over is gone later",
    journal: () =>
      verified().pass("amcheck", 5).beginCleanup().leftover("sb-1").endCleanup(1).after(9000).destroyed("sb-1"),
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
  },
];

describe("a situation and what it comes to", () => {
  test.each(situations)("$name: $result", (situation) => {
    const result = measured(situation);
    expect({ result: result.result, exitCode: result.exitCode, rule: result.rule }).toEqual({
      result: situation.result,
      exitCode: situation.exitCode,
      rule: situation.rule,
    });
    if (situation.rto !== undefined) expect(result.objectives.rto.verdict).toBe(situation.rto);
    if (situation.rpo !== undefined) expect(result.objectives.rpo.verdict).toBe(situation.rpo);
    expect(result.reasons.map((reason) => reason.rule)).toEqual(expect.arrayContaining([...(situation.also ?? [])]));
    expect(result.reasons.at(0)?.rule).toBe(result.rule);
  });
});

test("the table shows every rule", () => {
  const rules = situations.flatMap((situation) => measured(situation).reasons.map((reason) => reason.rule));
  expect(new Set(rules)).toEqual(new Set(RULE_NAMES));
});

function measured(situation: Situation): RunResult {
  return measure(situation.plan ?? drillPlan(), situation.journal().records);
}

test("a recovery point stands in, labelled, where no survivor was read", () => {
  const journal = declared();
  const t0 = journal.wallUs;
  sandboxed(journal).begin("restore").after(1000).fact("restore", recoveryPoint(t0)).succeed("restore");
  const result = measure(
    drillPlan(),
    journal.phase("verify").pass("rows", 10).pass("amcheck", 10).cleanup("sb-1").records,
  );
  expect(result.objectives.rpo).toMatchObject({ verdict: "met", compared: "recovery_point_age", basis: "estimate" });
  expect(result.objectives.rpo.reason).toContain("an estimate");
});
