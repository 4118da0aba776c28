import type { Recorded } from "../../drills/run-event.ts";
import { describeFact } from "./describe-fact.ts";
import { oneLine } from "./plain-text.ts";

/** One line for one journal record; null for those that say nothing to a reader of a log. */
export function describeEvent(record: Recorded): string | null {
  switch (record.type) {
    case "run.started":
      return `run ${record.data.runId} (plan ${record.data.planSha256.slice(0, 12)})`;
    case "run.resumed":
      return `resumed, epoch ${record.data.epoch}${record.data.clockSuspect ? ", clock suspect" : ""}`;
    case "run.halted":
      return `halted${haltedBy(record.data)}: ${oneLine(record.data.reason)}`;
    case "run.finished":
      return `finished: ${record.data.result}`;
    case "phase.begun":
      return `phase ${record.data.phase}`;
    case "phase.deadline_passed":
      return `phase ${record.data.phase} took longer than its timeout`;
    case "mark":
      return `mark ${record.data.mark} (${record.data.source})`;
    case "deviation":
      return `deviation ${oneLine(record.data.code, 60)}: ${oneLine(record.data.message)}`;
    case "cleanup.begun":
      return "cleanup";
    case "cleanup.finished":
      return `cleanup finished, ${record.data.leftovers} left`;
    case "resource.leftover":
      return `LEFT BEHIND ${oneLine(record.data.id, 80)}: ${oneLine(record.data.reason)}`;
    case "resource.destroyed":
      return `removed ${record.data.id} (${oneLine(record.data.verifiedBy)})`;
    case "fact":
      return describeFact(record.data.fact);
    default:
      return describeStep(record);
  }
}

function describeStep(record: Recorded): string | null {
  switch (record.type) {
    case "step.started":
      return `step ${record.data.step} started${record.data.attempt > 1 ? `, attempt ${record.data.attempt}` : ""}`;
    case "step.succeeded":
      return `step ${record.data.step} ${record.data.check === null ? "done" : `passed: ${oneLine(record.data.check.actual)}`}`;
    case "step.check_failed":
      return `step ${record.data.step} FAILED: expected ${oneLine(record.data.check.expected)}, got ${oneLine(record.data.check.actual)}`;
    case "step.errored":
      return `step ${record.data.step} ERROR ${record.data.error.code}: ${oneLine(record.data.error.message)}${hintOf(record.data.error.hint)}`;
    case "step.skipped":
      return `step ${record.data.step} skipped: ${oneLine(record.data.message)}`;
    case "step.retry_scheduled":
      return `step ${record.data.step} will be tried again`;
    case "step.deadline_passed":
      return `step ${record.data.step} took longer than its timeout`;
    case "step.stopped":
    case "step.stop_overdue":
    case "step.in_doubt":
      return `step ${record.data.step} ${record.type.slice("step.".length).replace("_", " ")}`;
    default:
      return null;
  }
}

function haltedBy({ by, who }: Extract<Recorded, { type: "run.halted" }>["data"]): string {
  const name = who ?? (by === "halt" ? null : by);
  return name === null ? "" : ` by ${oneLine(name, 80)}`;
}

function hintOf(hint: string | null): string {
  return hint === null ? "" : ` (hint: ${oneLine(hint)})`;
}
