import { begun, prepared, sandboxed, verified } from "./measure-drill.ts";
import { slow, withHold, withReturn, held, skipRest, type Situation } from "./measure-situation.ts";

export const brokenSituations: readonly Situation[] = [
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
    name: "halted before the RTO had passed, and slow to stop",
    plan: slow,
    journal: () => skipRest(sandboxed().begin("restore").after(1000).halt("signal").after(30_000)),
    result: "aborted",
    exitCode: 4,
    rule: "HALTED",
    rto: "not_measured",
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
