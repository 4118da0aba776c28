import type { Recorded } from "../run-event.ts";
import { isCheck } from "./checks.ts";
import { cleanupBegin, cleanupEnd, ofType } from "./journal-view.ts";
import type { StepRun } from "./step-runs.ts";
import { waived } from "./step-runs.ts";
import type { ActionFinding, Findings } from "./verdict.ts";

/** What the journal says of the run itself: whether it ended, who stopped it, which of its actions did their work. */
export function runFindings(
  records: readonly Recorded[],
  runs: readonly StepRun[],
): Pick<Findings, "finished" | "actions" | "inDoubt" | "halts" | "deadlines"> {
  return {
    finished: cleanupEnd(records) !== undefined,
    actions: runs.filter((run) => run.step.required && !isCheck(run)).map((run) => actionFinding(run, runs)),
    inDoubt: runs.filter((run) => run.outcome === "in_doubt").map((run) => run.step.id),
    halts: haltsBeforeCleanup(records),
    deadlines: deadlinesOf(records, runs),
  };
}

/** A halt during cleanup stopped nothing that is measured; it is a deviation. */
function haltsBeforeCleanup(records: readonly Recorded[]): Findings["halts"] {
  const end = cleanupBegin(records)?.seq ?? Number.POSITIVE_INFINITY;
  return ofType(records, "run.halted").flatMap((record) => (record.seq < end ? [record.data] : []));
}

function deadlinesOf(records: readonly Recorded[], runs: readonly StepRun[]): Findings["deadlines"] {
  const phases = ofType(records, "phase.deadline_passed").map(({ data }) => ({
    what: `phase '${data.phase}'`,
    step: null,
  }));
  // A check that runs out of time has only failed to answer: the drill goes on, and the answer is missing.
  const steps = runs
    .filter((run) => run.outcome === "timed_out" && run.step.required && !isCheck(run))
    .map((run) => ({ what: `step '${run.step.id}'`, step: run.step.id }));
  return [...phases, ...steps];
}

function actionFinding(run: StepRun, runs: readonly StepRun[]): ActionFinding {
  const finding = (state: ActionFinding["state"]): ActionFinding => {
    const said =
      run.failure === null ? (run.skipped?.message ?? run.outcome) : `${run.failure.code} ${run.failure.message}`;
    return { step: run.step.id, state, message: said };
  };
  switch (run.outcome) {
    case "succeeded":
      return finding("done");
    case "check_failed":
      return finding("subject");
    case "errored":
      return finding(run.failure?.class === "subject" ? "subject" : "broke");
    case "timed_out":
      return finding("timed_out");
    case "in_doubt":
      return finding("in_doubt");
    case "skipped":
      return finding(waived(run, runs) ? "waived" : "not_run");
    case "stopped":
    case "running":
    case "not_run":
      return finding("not_run");
    default:
      return run.outcome satisfies never;
  }
}
