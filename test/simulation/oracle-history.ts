import type { Plan, PlanStep } from "../../src/drills/plan.ts";
import type { CheckDetail, Recorded } from "../../src/drills/run-event.ts";

/** What the journal tells of one step. */
export interface History {
  readonly step: PlanStep;
  end: "never" | "at work" | "yes" | "no" | "broke" | "subject" | "timed out" | "stopped" | "passed over" | "in doubt";
  attempts: number;
  reason: string | null;
  check: CheckDetail | null;
  late: boolean;
  overdue: boolean;
  endSeq: number | null;
}

export function histories(plan: Plan, records: readonly Recorded[]): Map<string, History> {
  const told = new Map<string, History>(
    plan.steps.map((step) => [
      step.id,
      { step, end: "never", attempts: 0, reason: null, check: null, late: false, overdue: false, endSeq: null },
    ]),
  );
  for (const record of records) {
    if (record.type === "cleanup.begun" || record.type === "stopping.deadline_passed") {
      for (const each of told.values())
        if (each.end === "at work") Object.assign(each, { end: "stopped", overdue: true, endSeq: record.seq });
    }
    const each = "step" in record.data ? told.get(String(record.data.step)) : undefined;
    if (each !== undefined && record.type.startsWith("step.")) hear(each, record);
  }
  return told;
}

function hear(each: History, record: Recorded): void {
  const ends = (end: History["end"]): void => void Object.assign(each, { end, endSeq: record.seq });
  switch (record.type) {
    case "step.started":
      each.attempts = record.data.attempt;
      each.late = false;
      return ends("at work");
    case "step.succeeded":
    case "step.check_failed":
      each.check = record.data.check;
      return ends(record.type === "step.succeeded" ? "yes" : "no");
    case "step.errored":
      if (record.data.error.class === "subject") return ends("subject");
      if (each.end === "timed out") return;
      return ends(record.data.error.class === "timeout" ? "timed out" : "broke");
    case "step.deadline_passed":
      each.late = true;
      return ends("timed out");
    case "step.stop_overdue":
      each.overdue = true;
      return each.end === "at work" ? ends("stopped") : undefined;
    case "step.stopped":
      return each.end === "at work" ? ends("stopped") : undefined;
    case "step.in_doubt":
      return ends("in doubt");
    case "step.skipped":
      each.reason = record.data.reason;
      return ends("passed over");
    default:
  }
}

export function asks({ role, expect }: PlanStep): boolean {
  return role === "check" || expect !== null;
}

/** Left out because a condition said so, itself or all it needs. */
export function isWaived(each: History, told: ReadonlyMap<string, History>): boolean {
  if (each.end !== "passed over" || each.attempts > 0) return false;
  if (each.reason !== "needs_not_met") return each.reason === "condition";
  const unmet = each.step.needs.flatMap((id) => told.get(id) ?? []).filter(({ end }) => end !== "yes");
  return unmet.length > 0 && unmet.every((need) => isWaived(need, told));
}

type Answer = "passed" | "failed" | "silent";

export function answerOf({ step, end, check }: History): Answer {
  if (end === "no" || end === "subject") return "failed";
  if (end !== "yes") return "silent";
  if (check === null) return step.role === "check" ? "silent" : "passed";
  return check.coverage !== null && (check.coverage.checked <= 0 || check.coverage.total <= 0) ? "silent" : "passed";
}
