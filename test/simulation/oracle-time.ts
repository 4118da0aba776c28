import type { PhaseName } from "../../src/drills/phases.ts";
import type { Plan } from "../../src/drills/plan.ts";
import type { Recorded } from "../../src/drills/run-event.ts";
import { answerOf, asks, type History, isWaived } from "./oracle-history.ts";

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

export function judgeTime(
  plan: Plan,
  records: readonly Recorded[],
  told: ReadonlyMap<string, History>,
): readonly string[] {
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
export function judgeLoss(
  plan: Plan,
  records: readonly Recorded[],
  told: ReadonlyMap<string, History>,
): readonly string[] {
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

export function wallJumpsOf(records: readonly Recorded[]): readonly number[] {
  return records.flatMap((record, index) => {
    const before = records[index - 1];
    if (before === undefined || before.boot !== record.boot) return [];
    const jump = record.wallUs - before.wallUs - (record.monoUs - before.monoUs);
    return Math.abs(jump) > 50_000 ? [jump] : [];
  });
}
