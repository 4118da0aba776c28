/**
 * A second opinion on a run's result, written from docs/measurement.md alone: it shares no code with src/drills/measure.ts and
 * its measurement, so that one of both being wrong shows. It knows the facts that the simulation's steps record and no others.
 */
import type { PhaseName } from "../../src/drills/phases.ts";
import type { Plan, PlanStep } from "../../src/drills/plan.ts";
import type { CheckDetail, Recorded } from "../../src/drills/run-event.ts";

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

/** What the journal tells of one step. */
interface History {
  readonly step: PlanStep;
  end: "never" | "at work" | "yes" | "no" | "broke" | "subject" | "timed out" | "stopped" | "passed over" | "in doubt";
  attempts: number;
  reason: string | null;
  check: CheckDetail | null;
  late: boolean;
  overdue: boolean;
  endSeq: number | null;
}

function histories(plan: Plan, records: readonly Recorded[]): Map<string, History> {
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

function asks({ role, expect }: PlanStep): boolean {
  return role === "check" || expect !== null;
}

/** Left out because a condition said so, itself or all it needs. */
function isWaived(each: History, told: ReadonlyMap<string, History>): boolean {
  if (each.end !== "passed over" || each.attempts > 0) return false;
  if (each.reason !== "needs_not_met") return each.reason === "condition";
  const unmet = each.step.needs.flatMap((id) => told.get(id) ?? []).filter(({ end }) => end !== "yes");
  return unmet.length > 0 && unmet.every((need) => isWaived(need, told));
}

type Answer = "passed" | "failed" | "silent";

function answerOf({ step, end, check }: History): Answer {
  if (end === "no" || end === "subject") return "failed";
  if (end !== "yes") return "silent";
  if (check === null) return step.role === "check" ? "silent" : "passed";
  return check.coverage !== null && (check.coverage.checked <= 0 || check.coverage.total <= 0) ? "silent" : "passed";
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

/** A duration's interval, microseconds. */
interface Span {
  readonly lo: number;
  readonly hi: number;
}

interface At {
  /** On one axis of the whole run. */
  readonly us: number;
  readonly resolutionUs: number;
  readonly boot: string;
  readonly wallUs: number;
}

const READ_OFF_US = 10_000;
const PER_BOOT_US = 2_000_000;

/** Puts instants of all boots on one axis: within a boot by the monotonic clock, between two by the wall clock. */
function axisOf(records: readonly Recorded[]): (boot: string, monoUs: number) => number {
  const starts = new Map<string, { readonly us: number; readonly monoUs: number }>();
  let before: Recorded | undefined;
  let us = 0;
  for (const record of records) {
    if (before !== undefined)
      us += before.boot === record.boot ? record.monoUs - before.monoUs : Math.max(0, record.wallUs - before.wallUs);
    if (!starts.has(record.boot)) starts.set(record.boot, { us, monoUs: record.monoUs });
    before = record;
  }
  return (boot, monoUs) => {
    const start = starts.get(boot);
    return start === undefined ? 0 : start.us + monoUs - start.monoUs;
  };
}

function spanOf(records: readonly Recorded[], from: At | null, to: At | null): Span | null {
  if (from === null || to === null) return null;
  const boots = [...new Set(records.map(({ boot }) => boot))];
  const suspect = Math.abs(boots.indexOf(to.boot) - boots.indexOf(from.boot)) * PER_BOOT_US;
  const value = to.us - from.us;
  const hi = value + from.resolutionUs + suspect;
  return value < 0 && hi < 0 ? null : { lo: Math.max(0, value - to.resolutionUs - suspect), hi };
}

interface Marks {
  readonly T0: At | null;
  readonly T3: At | null;
  readonly T6: At | null;
  readonly held: boolean;
}

const RECOVERY: ReadonlySet<PhaseName> = new Set<PhaseName>(["recover", "verify", "hold"]);

function marksOf(plan: Plan, records: readonly Recorded[], told: ReadonlyMap<string, History>): Marks {
  const axis = axisOf(records);
  const readOff = (record: Recorded | undefined): At | null =>
    record === undefined
      ? null
      : { us: axis(record.boot, record.monoUs), resolutionUs: READ_OFF_US, boot: record.boot, wallUs: record.wallUs };
  const over =
    records.find(
      (record) => record.type === "cleanup.begun" || (record.type === "phase.begun" && record.data.phase === "return"),
    )?.seq ?? Number.POSITIVE_INFINITY;
  const set = (name: string): readonly At[] =>
    records.flatMap((record) =>
      record.type === "mark" && record.data.mark === name && record.seq < over
        ? [
            {
              us: axis(record.boot, record.data.monoUs),
              resolutionUs: record.data.resolutionUs,
              boot: record.boot,
              wallUs: record.data.wallUs,
            },
          ]
        : [],
    );
  const T3 = readOff(
    records.find(
      (record) =>
        record.type === "step.started" &&
        told.get(record.data.step)?.step.phase === "recover" &&
        told.get(record.data.step)?.step.uses !== "approval",
    ),
  );
  const T6 = verifiedAt(records, told, readOff);
  const T7 = set("T7").at(-1);
  const window = plan.objectives.holdMs > 0 || plan.steps.some(({ phase }) => phase === "hold");
  const hold = [...told.values()].filter(({ step }) => step.phase === "hold" && step.required);
  const watched =
    hold.every((each) => each.end === "yes" || isWaived(each, told)) &&
    T7 !== undefined &&
    T6 !== null &&
    T7.us - T6.us + READ_OFF_US >= plan.objectives.holdMs * 1000;
  return { T0: set("T0").at(0) ?? null, T3, T6, held: T6 !== null && (!window || watched) };
}

function verifiedAt(
  records: readonly Recorded[],
  told: ReadonlyMap<string, History>,
  readOff: (record: Recorded | undefined) => At | null,
): At | null {
  const required = [...told.values()].filter((each) => each.step.required && !isWaived(each, told));
  const checks = required.filter(({ step }) => step.phase === "verify" && asks(step));
  const done = required
    .filter(({ step }) => step.phase === "recover" || step.phase === "verify")
    .every(({ end }) => end === "yes");
  if (checks.length === 0 || !done || checks.some((each) => answerOf(each) !== "passed")) return null;
  const last = Math.max(...checks.map(({ endSeq }) => endSeq ?? 0));
  return readOff(records.find(({ seq }) => seq === last));
}

/** The subject itself made a required step of the recovery fail. */
function subjectIsToBlame(told: ReadonlyMap<string, History>): boolean {
  return [...told.values()].some(
    ({ step, end }) => step.required && RECOVERY.has(step.phase) && (end === "no" || end === "subject"),
  );
}

function judgeTime(plan: Plan, records: readonly Recorded[], told: ReadonlyMap<string, History>): readonly string[] {
  const { rtoMs, clock } = plan.objectives;
  if (rtoMs === null) return [];
  const target = rtoMs * 1000;
  const { T0, T3, T6, held } = marksOf(plan, records, told);
  const from = clock === "total" ? T0 : T3;
  const taken = held ? spanOf(records, from, T6) : null;
  if (taken !== null && taken.hi <= target) return [];
  if (taken !== null) return [taken.lo > target ? "OBJECTIVE_MISSED" : "OBJECTIVE_NOT_MEASURED"];
  const elapsed = held
    ? null
    : spanOf(records, from, T6 !== null && !subjectIsToBlame(told) ? T6 : givenUp(records, told));
  if (elapsed !== null && subjectIsToBlame(told)) return ["NOT_RECOVERED"];
  return [elapsed !== null && elapsed.lo > target ? "NOT_RECOVERED" : "OBJECTIVE_NOT_MEASURED"];
}

/** The first record after which nothing could still recover the service; else the last one. */
function givenUp(records: readonly Recorded[], told: ReadonlyMap<string, History>): At | null {
  const axis = axisOf(records);
  const lost = new Set(
    [...told.values()]
      .filter(
        (each) =>
          each.step.required &&
          RECOVERY.has(each.step.phase) &&
          each.end !== "yes" &&
          each.end !== "at work" &&
          !isWaived(each, told),
      )
      .map(({ endSeq }) => endSeq),
  );
  const turnsAway = (record: Recorded): boolean =>
    record.type === "run.halted" ||
    record.type === "cleanup.begun" ||
    (record.type === "phase.deadline_passed" && RECOVERY.has(record.data.phase)) ||
    (record.type === "phase.begun" && record.data.phase === "return");
  const record = records.find((each) => lost.has(each.seq) || turnsAway(each)) ?? records.at(-1);
  return record === undefined
    ? null
    : { us: axis(record.boot, record.monoUs), resolutionUs: READ_OFF_US, boot: record.boot, wallUs: record.wallUs };
}

/** By the newest heartbeat that was read on the copy; nothing else of a loss is simulated. */
function judgeLoss(plan: Plan, records: readonly Recorded[], told: ReadonlyMap<string, History>): readonly string[] {
  const { rpoMs } = plan.objectives;
  if (rpoMs === null) return [];
  const { T0, T6 } = marksOf(plan, records, told);
  const beats = records.flatMap((record) =>
    record.type === "fact" &&
    record.data.fact.kind === "newest_survivor" &&
    RECOVERY.has(told.get(record.data.step)?.step.phase ?? "prepare")
      ? [record.data.fact]
      : [],
  );
  const [newest] = beats.toSorted((a, b) => b.newestWallUs - a.newestWallUs);
  if (T0 === null || newest === undefined || newest.newestWallUs > T0.wallUs) return ["OBJECTIVE_NOT_MEASURED"];
  const age = T0.wallUs - newest.newestWallUs;
  const jumped = wallJumpsOf(records).reduce((sum, jump) => sum + Math.abs(jump), 0);
  const lo = Math.max(0, age - (newest.intervalUs ?? 0) - T0.resolutionUs - jumped);
  const target = rpoMs * 1000;
  if (age + jumped <= target) return T6 === null ? ["OBJECTIVE_NOT_MEASURED"] : [];
  return [lo > target ? "OBJECTIVE_MISSED" : "OBJECTIVE_NOT_MEASURED"];
}

function wallJumpsOf(records: readonly Recorded[]): readonly number[] {
  return records.flatMap((record, index) => {
    const before = records[index - 1];
    if (before === undefined || before.boot !== record.boot) return [];
    const jump = record.wallUs - before.wallUs - (record.monoUs - before.monoUs);
    return Math.abs(jump) > 50_000 ? [jump] : [];
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
