import { FiredrillError } from "../support/errors.ts";
import { checkRows } from "./measurement/checks.ts";
import { cleanupOf } from "./measurement/cleanup.ts";
import { criticalPath } from "./measurement/critical-path.ts";
import { deviationsOf } from "./measurement/deviations.ts";
import { durationsOf } from "./measurement/durations.ts";
import { runFindings } from "./measurement/findings.ts";
import { cleanupEnd, type EventOf, ofType, withoutVerdict } from "./measurement/journal-view.ts";
import { canaryReading } from "./measurement/canary-reading.ts";
import { integrityFault } from "./measurement/lost-acknowledged.ts";
import { lossOf } from "./measurement/loss.ts";
import { markRows, marksOf } from "./measurement/marks.ts";
import { observedOf } from "./measurement/observed.ts";
import { rpoVerdict } from "./measurement/rpo.ts";
import { rtoVerdict } from "./measurement/rto.ts";
import { segmentsOf } from "./measurement/segments.ts";
import { stepRows } from "./measurement/step-rows.ts";
import { stepRuns } from "./measurement/step-runs.ts";
import { rowAge } from "./measurement/survivor-age.ts";
import { BOOT_UNCERTAINTY_US, type Timeline, timelineOf } from "./measurement/timeline.ts";
import { decide } from "./measurement/verdict.ts";
import type { Plan } from "./plan.ts";
import type { RunResult } from "./result.ts";
import type { Recorded } from "./run-event.ts";

/**
 * What a run came to, from its plan and its journal and nothing else: the same records always give the same result, on any
 * machine. A journal may be unfinished. Records about the result itself (`run.finished`) change nothing, so that the
 * engine can measure before it writes that record.
 *
 * Throws `MEASURE_NO_START` for a journal without `run.started`, `MEASURE_PLAN_MISMATCH` for one of another plan.
 */
export function measure(plan: Plan, journal: readonly Recorded[]): RunResult {
  const records = withoutVerdict(journal);
  const started = startOf(records);
  const timeline = timelineOf(records);
  const runs = stepRuns(plan, records);
  const marks = marksOf({ plan, records, runs, timeline });
  const observed = observedOf(plan, records);
  const canary = canaryReading(plan, records);
  const integrity = integrityFault(canary);
  const { wallUncertaintyUs } = timeline;
  const loss = lossOf({ plan, records, observed, canary, marks, wallUncertaintyUs });
  const rto = rtoVerdict({ plan, records, runs, marks, timeline });
  const row = rowAge(observed, marks.T0.moment, wallUncertaintyUs);
  const rpo = rpoVerdict({ plan, loss, observed, marks, row, integrity });
  const path = criticalPath(plan, runs, marks, timeline, rto);
  const cleanup = cleanupOf(records);
  const checks = checkRows(runs);
  const deviations = deviationsOf({ plan, records, runs, timeline });
  const verdict = decide({ ...runFindings(records, runs), cleanup, rto, rpo, checks, integrity, deviations });
  return {
    schemaVersion: "firedrill/result/v1",
    run: identity(plan, records, started),
    ...verdict,
    evidence: evidence(started, records),
    objectives: { rto, rpo },
    marks: markRows(marks),
    durations: durationsOf({ plan, records, runs, marks, timeline }),
    segments: segmentsOf(plan, records, marks, timeline),
    loss,
    checks,
    steps: stepRows(runs, timeline, path),
    criticalPath: path,
    deviations,
    cleanup,
    clock: clockOf(records, timeline),
    observed,
  };
}

function startOf(records: readonly Recorded[]): EventOf<"run.started"> {
  const started = ofType(records, "run.started").at(0);
  if (started !== undefined) return started;
  throw new FiredrillError("MEASURE_NO_START", `The journal of ${records.length} records has no 'run.started'`, {
    hint: "It was cut at its begin, or is not the journal of a run.",
  });
}

function identity(plan: Plan, records: readonly Recorded[], started: EventOf<"run.started">): RunResult["run"] {
  const { runId, planSha256, mode, tool, host, user, trigger, seed, installation } = started.data;
  const { system } = plan;
  return {
    id: runId,
    planSha256,
    playbook: plan.name,
    title: plan.title,
    owner: plan.owner,
    controls: plan.controls,
    system: system === null ? null : { name: system.name, environment: system.environment, owner: system.owner },
    mode,
    tool,
    host,
    user,
    trigger,
    seed,
    installation,
    startedWallUs: started.wallUs,
    finishedWallUs: cleanupEnd(records)?.wallUs ?? null,
    records: records.length,
    epochs: new Set(records.map((record) => record.epoch)).size,
  };
}

/** Failed and aborted drills are evidence too; a simulation and a run still going on are not. */
function evidence(started: EventOf<"run.started">, records: readonly Recorded[]): RunResult["evidence"] {
  if (started.data.mode === "simulated") return { counts: false, reason: "simulated: nothing was recovered" };
  if (cleanupEnd(records) === undefined) return { counts: false, reason: "the run is unfinished" };
  return { counts: true, reason: "a real drill, run to its end" };
}

function clockOf(records: readonly Recorded[], timeline: Timeline): RunResult["clock"] {
  const { bootChanges, wallJumps, wallUncertaintyUs } = timeline;
  const said = ofType(records, "run.resumed").some((record) => record.data.clockSuspect);
  return {
    suspect: bootChanges > 0 || said,
    bootChanges,
    bootUncertaintyUs: BOOT_UNCERTAINTY_US,
    wallJumps,
    wallUncertaintyUs,
  };
}
