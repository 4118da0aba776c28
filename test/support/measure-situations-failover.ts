import {
  atMs,
  failover,
  failoverPlan,
  failoverSteps,
  marker,
  outage,
  returned,
  someLost,
  struck,
  takenOver,
  verifiedFailover,
  waited,
  wrongRows,
} from "./measure-failover.ts";
import type { JournalBuilder } from "./measure-journal.ts";
import { planStep } from "./measure-plan.ts";
import type { Situation } from "./measure-situation.ts";

const plan = failoverPlan();
const withApproval = failoverPlan({
  steps: failoverSteps().toSpliced(4, 0, planStep("decide", "disaster", { uses: "approval", after: "detect" })),
});
/** The service does not come back: the recover phase ends, nothing is verified, and the ledger cannot be read. */
const notBack = (): JournalBuilder => {
  const journal = struck().phase("recover").ok("fence", 300).ok("promote", 570).errors("service", "subject", 30_000);
  journal.skip("writable", "phase_stopped").skip("roles", "phase_stopped");
  return journal.skip("rebuild", "phase_stopped").skip("ledger", "phase_stopped").cleanup();
};

export const failoverSituations: readonly Situation[] = [
  {
    name: "a failover that lost nothing",
    plan,
    journal: failover,
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
    rto: "met",
    rpo: "met",
  },
  {
    name: "a failover that lost something, against an RPO of nothing",
    plan,
    journal: () => failover({ loss: someLost() }),
    result: "failed",
    exitCode: 1,
    rule: "OBJECTIVE_MISSED",
    rto: "met",
    rpo: "missed",
  },
  {
    name: "a single lost transaction, acknowledged after T0, against an RPO of nothing",
    plan,
    journal: () => {
      const one = someLost();
      const [only] = [marker(1111)];
      const lost = one.lost === null || one.lost === undefined ? null : { ...one.lost, first: only, last: only };
      return failover({ loss: { ...one, lost } });
    },
    result: "failed",
    exitCode: 1,
    rule: "OBJECTIVE_MISSED",
    rpo: "missed",
  },
  {
    name: "a failover that lost less than it may",
    plan: failoverPlan({ rpoMs: 1000 }),
    journal: () => failover({ loss: someLost() }),
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
    rpo: "met",
  },
  {
    name: "the loss has no upper end, and its lower end is too much",
    plan,
    journal: () => failover({ loss: someLost({ survivorBeforeLoss: null }) }),
    result: "failed",
    exitCode: 1,
    rule: "OBJECTIVE_MISSED",
    rpo: "missed",
  },
  {
    name: "the loss has no upper end, and its lower end is little",
    plan: failoverPlan({ rpoMs: 1000 }),
    journal: () => failover({ loss: someLost({ survivorBeforeLoss: null }) }),
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rpo: "not_measured",
  },
  {
    name: "nobody looked for what was acknowledged",
    plan,
    journal: () => failover({ loss: null }),
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rto: "met",
    rpo: "not_measured",
  },
  {
    name: "the writers were silent before T0",
    plan,
    journal: () => failover({ loss: { newestBeforeT0: marker(400), newestSurvivor: marker(400) } }),
    result: "inconclusive",
    exitCode: 3,
    rule: "OBJECTIVE_NOT_MEASURED",
    rpo: "not_measured",
  },
  {
    name: "rows came back altered",
    plan,
    journal: () => failover({ loss: wrongRows({ survived: 48_207, altered: 3 }) }),
    result: "failed",
    exitCode: 1,
    rule: "DATA_INTEGRITY",
    rto: "met",
    rpo: "not_measured",
    also: ["OBJECTIVE_NOT_MEASURED"],
  },
  {
    name: "the service does not come back",
    plan,
    journal: notBack,
    result: "failed",
    exitCode: 1,
    rule: "SUBJECT_FAILED",
    rto: "missed",
    also: ["NOT_RECOVERED"],
  },
  {
    name: "a person declines",
    plan: withApproval,
    journal: () => {
      const journal = struck()
        .begin("decide")
        .after(4000)
        .fact("decide", waited(1140, 5140, { decision: "declined" }));
      journal.halt("halt", "dana").add({ type: "step.stopped", data: { step: "decide", attempt: 1 } });
      return journal.cleanup();
    },
    result: "aborted",
    exitCode: 4,
    rule: "HALTED",
    rto: "not_measured",
  },
  {
    name: "a person agrees after 4 s",
    plan: withApproval,
    journal: () => {
      const journal = struck().begin("decide").after(4000).fact("decide", waited(1140, 5140)).succeed("decide");
      return returned(verifiedFailover(takenOver(journal))).cleanup();
    },
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
    rto: "met",
  },
  {
    name: "a frozen primary: clients see it when their first answer is overdue",
    plan,
    journal: () => {
      const hung = outage({
        firstFailed: atMs(2117),
        reason: "answer_timeout",
        firstRead: atMs(2530),
        firstWrite: atMs(2540),
      });
      return failover({ t1: false, outages: { outages: [hung] } });
    },
    result: "passed",
    exitCode: 0,
    rule: "ALL_MET",
    rto: "met",
    rpo: "met",
  },
];
