/**
 * A second opinion on a run's result, written from docs/measurement.md alone: it shares no code with src/drills/measure.ts and
 * its measurement, so that one of both being wrong shows. It knows the facts that the simulation's steps record and no others.
 */
import type { Plan, PlanStep } from "../../src/drills/plan.ts";
import type { Recorded } from "../../src/drills/run-event.ts";
import { answerOf, asks, histories, type History, isWaived } from "./oracle-history.ts";
import { judgeLoss, judgeTime, wallJumpsOf } from "./oracle-time.ts";

export interface Opinion {
  readonly result: string;
  readonly rule: string;
  readonly rules: readonly string[];
}

/** Order of precedence, and what each rule makes of the run. */
const ORDER: readonly (readonly [rule: string, result: string])[] = [
  ["CLEANUP_INCOMPLETE", "error"],
  ["STEP_IN_DOUBT", "error"],
  ["STEP_BROKE", "error"],
  ["HALTED", "aborted"],
  ["DEADLINE", "aborted"],
  ["SUBJECT_FAILED", "failed"],
  ["CHECK_FAILED", "failed"],
  ["NOT_RECOVERED", "failed"],
  ["OBJECTIVE_MISSED", "failed"],
  ["DEADLINE_MISSED", "failed"],
  ["UNFINISHED", "inconclusive"],
  ["CHECK_NOT_MEASURED", "inconclusive"],
  ["NO_REQUIRED_CHECK", "inconclusive"],
  ["STEP_NOT_RUN", "inconclusive"],
  ["OBJECTIVE_NOT_MEASURED", "inconclusive"],
];

export function oracle(plan: Plan, all: readonly Recorded[]): Opinion {
  const records = all.filter(({ type }) => type !== "run.finished");
  const told = histories(plan, records);
  const rules = new Set<string>();
  if (cleanupIsIncomplete(records)) rules.add("CLEANUP_INCOMPLETE");
  for (const each of told.values()) for (const rule of rulesOf(each, told)) rules.add(rule);
  const cleanup = records.find(({ type }) => type === "cleanup.begun")?.seq ?? Number.POSITIVE_INFINITY;
  if (records.some(({ type, seq }) => type === "run.halted" && seq < cleanup)) rules.add("HALTED");
  if (!records.some(({ type }) => type === "cleanup.finished" || type === "cleanup.deadline_passed"))
    rules.add("UNFINISHED");
  if (
    ![...told.values()].some(
      (each) => each.step.phase === "verify" && each.step.required && asks(each.step) && !isWaived(each, told),
    )
  )
    rules.add("NO_REQUIRED_CHECK");
  for (const rule of [...judgeTime(plan, records, told), ...judgeLoss(plan, records, told)]) rules.add(rule);
  const late =
    records.some(({ type }) => type === "phase.deadline_passed") ||
    [...told.values()].some((each) => each.end === "timed out" && each.step.required && !asks(each.step));
  const failed = ORDER.some(([rule, result]) => result === "failed" && rules.has(rule));
  if (late) rules.add(failed ? "DEADLINE_MISSED" : "DEADLINE");
  const ordered = ORDER.filter(([rule]) => rules.has(rule));
  const [first] = ordered;
  if (first !== undefined) return { result: first[1], rule: first[0], rules: ordered.map(([rule]) => rule) };
  if (deviates(records, told)) return { result: "passed_with_deviations", rule: "DEVIATIONS", rules: ["DEVIATIONS"] };
  return { result: "passed", rule: "ALL_MET", rules: ["ALL_MET"] };
}

function rulesOf(each: History, told: ReadonlyMap<string, History>): readonly string[] {
  const { step, end } = each;
  const doubt = end === "in doubt" ? ["STEP_IN_DOUBT"] : [];
  if (!step.required || isWaived(each, told)) return doubt;
  if (asks(step)) {
    const answer = answerOf(each);
    return answer === "passed" ? doubt : [...doubt, answer === "failed" ? "CHECK_FAILED" : "CHECK_NOT_MEASURED"];
  }
  if (end === "broke") return ["STEP_BROKE"];
  if (end === "subject" || end === "no") return ["SUBJECT_FAILED"];
  if (end === "never" || end === "at work" || end === "stopped" || end === "passed over") return ["STEP_NOT_RUN"];
  return doubt;
}

function cleanupIsIncomplete(records: readonly Recorded[]): boolean {
  if (!records.some(({ type }) => type === "cleanup.finished" || type === "cleanup.deadline_passed")) return false;
  return records.some((record) => {
    if (record.type !== "resource.planned") return false;
    const { id } = record.data.resource;
    const last = records.findLast(
      (later) => (later.type === "resource.destroyed" || later.type === "resource.leftover") && later.data.id === id,
    );
    return last?.type !== "resource.destroyed" || last.data.verifiedBy === "";
  });
}

function deviates(records: readonly Recorded[], told: ReadonlyMap<string, History>): boolean {
  const boots = new Set(records.map(({ boot }) => boot));
  const noted = records.some(({ type }) => type === "deviation" || type === "run.resumed" || type === "run.halted");
  return (
    noted ||
    boots.size > 1 ||
    wallJumpsOf(records).length > 0 ||
    [...told.values()].some((each) => stepDeviates(each, told))
  );
}

function stepDeviates(each: History, told: ReadonlyMap<string, History>): boolean {
  const { step, end, attempts, late, overdue } = each;
  if (isWaived(each, told)) return !isLeftOutByPlan(step);
  if (attempts > 1 || overdue || (late && end !== "timed out")) return true;
  if (step.required) return false;
  return asks(step) ? answerOf(each) !== "passed" : end !== "yes";
}

/** An action outside of `recover` whose condition names parameters only was never part of this drill. */
function isLeftOutByPlan({ role, when, phase }: PlanStep): boolean {
  return role === "action" && phase !== "recover" && when !== null && /^[^a-z]*params\.\w+[^a-z]*$/u.test(when);
}
