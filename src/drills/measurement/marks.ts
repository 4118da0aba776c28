import { MARKS, type MarkName } from "../marks.ts";
import type { Plan } from "../plan.ts";
import type { MarkRecord, Recorded } from "../run-event.ts";
import { checkRows } from "./checks.ts";
import { clientView, detectionBy } from "./client-outage.ts";
import type { Mark, MeasuredMark } from "./clock-schema.ts";
import { decisionOf } from "./decision.ts";
import { firstActionOf, ofType, recoveryEndSeq } from "./journal-view.ts";
import type { StepRun } from "./step-runs.ts";
import { waived } from "./step-runs.ts";
import { momentOf, type Moment, type Timeline } from "./timeline.ts";

/**
 * Job: the eight marks. T0, T1, T4, T5 and T7 are what steps recorded; T2, T3 and T6 are read off the journal.
 * Where a mark was set more than once (a retry, a resumed step) the reading that makes the recovery longer counts:
 * the first T0 and T1, the last T2, T4, T5 and T7. What the `return` phase sets is of another recovery.
 */

/** How much later than the fact a record can be: the turn of the loop and the `fdatasync` of what was before it. */
export const JOURNAL_RESOLUTION_US = 10_000;

/** Timers of the runtime may fire a little early; a hold window short by no more than this was kept. */
const HOLD_TOLERANCE_US = 10_000;

const MEANINGS: Readonly<Record<MarkName, string>> = {
  T0: "the disaster",
  T1: "detected",
  T2: "recovery decided",
  T3: "first recovery action began",
  T4: "the recovered engine answers a read",
  T5: "the recovered engine acknowledges a write",
  T6: "every required check passed",
  T7: "still healthy at the end of the hold window",
};

/** A mark and, when it was measured, the instant behind it. */
export interface MarkReading {
  readonly mark: Mark;
  readonly moment: Moment | null;
}
export type Marks = Readonly<Record<MarkName, MarkReading>>;

interface Sources {
  readonly plan: Plan;
  readonly records: readonly Recorded[];
  readonly runs: readonly StepRun[];
  readonly timeline: Timeline;
}

export function marksOf(sources: Sources): Marks {
  const T0 = disaster(sources);
  const T6 = verified(sources);
  return {
    T0,
    T1: detected(sources, T0),
    T2: decided(sources),
    T3: begun(sources),
    T4: answersRead(sources),
    T5: acknowledgesWrite(sources),
    T6,
    T7: held(sources, T6),
  };
}

export function markRows(marks: Marks): readonly Mark[] {
  return MARKS.map((name) => marks[name].mark);
}

function disaster(sources: Sources): MarkReading {
  const first = recorded(sources, "T0").at(0);
  if (first !== undefined) return fromStep(sources, first);
  if (!has(sources.plan, "disaster")) return missing("T0", "the playbook has no disaster phase, so nothing set it");
  return missing("T0", "the drill stopped before the disaster phase set it");
}

function detected(sources: Sources, T0: MarkReading): MarkReading {
  const first = recorded(sources, "T1").at(0);
  if (first !== undefined) return fromStep(sources, first);
  const injected = sources.plan.steps.some((step) => step.phase === "disaster" && step.effect === "disruptive");
  if (!injected) return notApplicable("T1", "the disaster was declared, not injected: there was nothing to detect");
  const detection = detectionBy(clientView(sources.plan, sources.records), T0.moment);
  if (detection.kind === "unseen") return missing("T1", detection.why);
  return reading(sources, "T1", detection.at, "prober", detection.reason);
}

function decided(sources: Sources): MarkReading {
  const decision = decisionOf(sources.plan, sources.records);
  if (decision !== null) return reading(sources, "T2", decision.at, "approval", decision.note);
  const phase = ofType(sources.records, "phase.begun").find((record) => record.data.phase === "recover");
  const note = "automatic: the recover phase began";
  if (phase !== undefined) return fromJournal(sources, "T2", phase, note);
  return notReached(sources.plan, "T2");
}

function begun(sources: Sources): MarkReading {
  const first = firstActionOf(sources.plan, sources.records);
  if (first !== undefined) return fromJournal(sources, "T3", first, `step '${first.data.step}' started`);
  return notReached(sources.plan, "T3");
}

function notReached(plan: Plan, name: MarkName): MarkReading {
  if (!has(plan, "recover")) return notApplicable(name, "the playbook recovers nothing");
  return missing(name, "the drill stopped before the recover phase");
}

function answersRead(sources: Sources): MarkReading {
  if (!has(sources.plan, "recover")) return notApplicable("T4", "the playbook recovers nothing");
  const last = recorded(sources, "T4").at(-1);
  if (last === undefined) return missing("T4", "no step saw the recovered engine answer a read");
  return fromStep(sources, last, afterwards(sources));
}

function acknowledgesWrite(sources: Sources): MarkReading {
  if (!has(sources.plan, "recover")) return notApplicable("T5", "the playbook recovers nothing");
  const last = recorded(sources, "T5").at(-1);
  if (last !== undefined) return fromStep(sources, last, afterwards(sources));
  const services = ofType(sources.records, "fact").flatMap(({ data }) =>
    data.fact.kind === "service" ? [data.fact] : [],
  );
  if (services.at(-1)?.writable === false) return notApplicable("T5", "the restore ends read-only");
  return missing("T5", "no step saw the recovered engine acknowledge a write");
}

/** A T4 or T5 of a recovery that then broke is kept, with a word on it. */
function afterwards(sources: Sources): string | null {
  return unfinishedSteps(sources, "recover").length === 0 ? null : "recorded before the recover phase failed";
}

/** T6 is when the last required check of `verify` answered, and only if every required step up to there succeeded. */
function verified(sources: Sources): MarkReading {
  const checks = checkRows(sources.runs).filter((row) => row.phase === "verify" && row.required && !row.waived);
  if (checks.length === 0) return missing("T6", "no required check of the verify phase ran");
  const bad = checks.filter((row) => row.status !== "passed").map((row) => row.step);
  if (bad.length > 0) return missing("T6", `required ${list("check", bad)} did not pass`);
  const undone = [...unfinishedSteps(sources, "recover"), ...unfinishedSteps(sources, "verify")];
  if (undone.length > 0) return missing("T6", `required ${list("step", undone)} did not succeed`);
  return lastCheck(sources, new Set(checks.map((row) => row.step)));
}

function lastCheck(sources: Sources, ids: ReadonlySet<string>): MarkReading {
  const ends = sources.runs.flatMap((run) => (ids.has(run.step.id) && run.end !== null ? [run.end] : []));
  const last = ends.toSorted((a, b) => a.seq - b.seq).at(-1);
  if (last === undefined) return missing("T6", "no required check of the verify phase ended");
  return fromJournal(sources, "T6", last, `${ids.size} of ${ids.size} required checks passed`);
}

function held(sources: Sources, T6: MarkReading): MarkReading {
  if (T6.moment === null) return missing("T7", "T6 was not reached");
  if (sources.plan.objectives.holdMs === 0 && !has(sources.plan, "hold")) return noWindow(T6.mark, T6.moment);
  const undone = unfinishedSteps(sources, "hold");
  if (undone.length > 0) return missing("T7", `${list("step", undone)} of the hold window did not succeed`);
  const last = recorded(sources, "T7").at(-1);
  if (last === undefined) return missing("T7", "nothing watched the service to the end of the hold window");
  const heldUs = sources.timeline.at(moment(last)) - sources.timeline.at(T6.moment);
  if (heldUs + HOLD_TOLERANCE_US >= sources.plan.objectives.holdMs * 1000) return fromStep(sources, last);
  return missing(
    "T7",
    `the service was watched for ${Math.round(heldUs / 1000)} ms of ${sources.plan.objectives.holdMs} ms`,
  );
}

function noWindow(T6: Mark, at: Moment): MarkReading {
  if (T6.status !== "measured") return missing("T7", "T6 was not reached");
  const note = "hold is 0: the window ends with the last required check";
  return { mark: { ...T6, mark: "T7", meaning: MEANINGS.T7, note }, moment: at };
}

/** Required steps of a phase that ran or should have and did not succeed. */
function unfinishedSteps(sources: Sources, phase: string): readonly string[] {
  return sources.runs
    .filter((run) => run.step.phase === phase && run.step.required)
    .filter((run) => run.outcome !== "succeeded" && !waived(run, sources.runs))
    .map((run) => run.step.id);
}

interface StepMark extends MarkRecord {
  readonly boot: string;
}

/** Marks that steps set while the recovery went on, oldest first. */
function recorded(sources: Sources, name: MarkName): readonly StepMark[] {
  const end = recoveryEndSeq(sources.records);
  return ofType(sources.records, "mark")
    .filter((record) => record.data.mark === name && record.seq < end)
    .map((record) => ({ ...record.data, boot: record.boot }));
}

function moment(mark: StepMark): Moment {
  return { boot: mark.boot, monoUs: mark.monoUs, wallUs: mark.wallUs, resolutionUs: mark.resolutionUs };
}

function fromStep(sources: Sources, mark: StepMark, remark: string | null = null): MarkReading {
  const note = [mark.note, remark].filter((text) => text !== null).join("; ");
  return reading(sources, mark.mark, moment(mark), mark.source, note === "" ? null : note);
}

function fromJournal(sources: Sources, name: MarkName, record: Recorded, note: string): MarkReading {
  return reading(sources, name, momentOf(record, JOURNAL_RESOLUTION_US), "orchestrator", note);
}

function reading(sources: Sources, name: MarkName, at: Moment, source: string, note: string | null): MarkReading {
  const { wallUs, monoUs, resolutionUs } = at;
  const head = { mark: name, meaning: MEANINGS[name], status: "measured" } as const;
  const mark: MeasuredMark = { ...head, atUs: sources.timeline.at(at), wallUs, monoUs, source, resolutionUs, note };
  return { mark, moment: at };
}

function missing(name: MarkName, reason: string): MarkReading {
  return { mark: { mark: name, meaning: MEANINGS[name], status: "not_measured", reason }, moment: null };
}

function notApplicable(name: MarkName, reason: string): MarkReading {
  return { mark: { mark: name, meaning: MEANINGS[name], status: "not_applicable", reason }, moment: null };
}

const has = (plan: Plan, phase: string): boolean => plan.steps.some((step) => step.phase === phase);

function list(word: string, ids: readonly string[]): string {
  return `${word}${ids.length === 1 ? "" : "s"} ${ids.map((id) => `'${id}'`).join(", ")}`;
}
