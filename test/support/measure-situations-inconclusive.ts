import { complete, heartbeat, prepared, recovered, sandboxed, verified } from "./measure-drill.ts";
import { drillPlan } from "./measure-plan.ts";
import {
  noTargets,
  withHold,
  noVerify,
  onlyOptional,
  noDisaster,
  dependent,
  restoredIn,
  end,
  held,
  type Situation,
} from "./measure-situation.ts";

export const inconclusiveSituations: readonly Situation[] = [
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
];
