import { begun, complete, recovered, sandboxed, verified } from "./measure-drill.ts";
import { drillPlan } from "./measure-plan.ts";
import {
  slow,
  noTargets,
  technical,
  withHold,
  withExpect,
  twoChecks,
  rowsFails,
  skipRest,
  type Situation,
} from "./measure-situation.ts";

export const failedSituations: readonly Situation[] = [
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
];
