import { begun, complete, declared, prepared, recovered, sandboxed, server, verified } from "./measure-drill.ts";
import {
  noTargets,
  withHold,
  optionalLoad,
  withExpect,
  twoChecks,
  end,
  held,
  type Situation,
} from "./measure-situation.ts";

export const soundSituations: readonly Situation[] = [
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
];
