import { expect, test } from "vitest";
import type { RunResult } from "../../../src/drills/result.ts";
import { noFaketime, wallClock } from "../../support/faketime.ts";
import { apart, disagreement, type Span } from "../../support/seen.ts";
import { reportedLost } from "../../support/truth-drill.ts";
import { type TimedFailover, timedFailover } from "../../support/timed-failover.ts";

type Durations = Omit<RunResult["durations"], "hold" | "run" | "firstRead">;

/** Every duration of the result, as the test saw it. */
function trueDurations({ seen }: TimedFailover): Record<keyof Durations, Span> {
  return {
    detection: apart(seen.disaster, seen.noticed),
    decision: apart(seen.disaster, seen.approved),
    humanWait: apart(seen.asked, seen.approved),
    start: apart(seen.approved, seen.begun),
    fencing: apart(seen.begun, seen.fenced),
    promotion: apart(seen.promoting, seen.promoted),
    firstWrite: apart(seen.begun, seen.served),
    verification: apart(seen.served, seen.verified),
    rtaTotal: apart(seen.disaster, seen.verified),
    rtaTechnical: apart(seen.begun, seen.verified),
    outageClient: apart(seen.disaster, seen.served),
    unprotected: apart(seen.disaster, seen.streaming),
    failback: apart(seen.returning, seen.returned),
  };
}

function trueSegments({ seen }: TimedFailover): Readonly<Record<string, Span>> {
  return {
    detection: apart(seen.disaster, seen.noticed),
    decision: apart(seen.noticed, seen.approved),
    start: apart(seen.approved, seen.begun),
    fencing: apart(seen.begun, seen.fenced),
    choice: apart(seen.fenced, seen.promoting),
    promotion: apart(seen.promoting, seen.promoted),
    first_write: apart(seen.promoted, seen.served),
  };
}

function disagreements(end: TimedFailover): readonly string[] {
  const { durations, segments } = end.result;
  const truths = Object.entries(trueDurations(end));
  return [
    ...truths.map(([name, truth]) => disagreement(name, durations[name as keyof Durations], truth)),
    ...Object.entries(trueSegments(end)).map(([name, truth]) => {
      const segment = segments.find((each) => each.name === name);
      return disagreement(`segment ${name}`, segment?.duration, truth);
    }),
  ].filter((each) => each !== null);
}

/** The delays that were put in are all in the result, each where it belongs. */
function putIn({ result: { durations, segments } }: TimedFailover): Readonly<Record<string, boolean>> {
  const least = (name: string, us: number): boolean => {
    const { duration } = segments.find((segment) => segment.name === name) ?? {};
    return duration?.status === "measured" && duration.hiUs >= us;
  };
  const { humanWait, outageClient } = durations;
  return {
    decision: least("decision", 1_500_000 + 4_000_000),
    choice: least("choice", 3_000_000),
    humanWait: humanWait.status === "measured" && humanWait.hiUs >= 4_000_000,
    outageClient: outageClient.status === "measured" && outageClient.hiUs >= 8_500_000,
  };
}

/** The loss is that of the servers, and its times are those of their commits. */
function lossFaults({ result, loss }: TimedFailover): readonly string[] {
  const { lostAcknowledged: said, newestSurvivorAge } = result.loss;
  if (said.status !== "measured" || said.gone === null || loss.lostBetween === null) return ["nothing is lost"];
  const { firstUs, lastUs } = loss.lostBetween;
  const allowedUs = 10_000 + loss.slowestAnswerUs;
  const span = { loUs: lastUs - firstUs - allowedUs, hiUs: lastUs - firstUs + allowedUs };
  const within = (us: number): boolean => us >= span.loUs && us <= span.hiUs;
  const reported = [...reportedLost(result)].toSorted();
  const differs = JSON.stringify(reported) !== JSON.stringify(loss.lost.toSorted());
  // The kill ended the writing: up to there all that was written since the cut is lost.
  const atKill = { loUs: span.loUs, hiUs: span.hiUs + 2 * allowedUs };
  return [
    ...(differs ? [`${reported.length} reported, ${loss.lost.length} lost`] : []),
    ...(within(said.gone.spanUs) ? [] : [`span ${said.gone.spanUs}, seen [${span.loUs}, ${span.hiUs}]`]),
    ...[said.time, newestSurvivorAge].map((age) =>
      age.status === "measured" && age.loUs <= atKill.hiUs && age.hiUs >= atKill.loUs
        ? ""
        : `loss as time ${JSON.stringify(age)}, seen [${atKill.loUs}, ${atKill.hiUs}]`,
    ),
  ].filter((each) => each !== "");
}

test("every duration is what the test's own clock saw, and the delays that were put in are where they belong", async () => {
  const end = await timedFailover(null);
  expect(disagreements(end), end.stderr).toEqual([]);
  expect(putIn(end)).toEqual({ decision: true, choice: true, humanWait: true, outageClient: true });
  expect(lossFaults(end)).toEqual([]);
  expect(end.result.clock).toMatchObject({ suspect: false, wallJumps: [] });
});

test.skipIf(noFaketime !== undefined)(
  `jumps of the wall clock by hours and years change no duration and no loss${noFaketime === undefined ? "" : ` (${noFaketime})`}`,
  async () => {
    const end = await timedFailover(wallClock);
    expect(disagreements(end), end.stderr).toEqual([]);
    expect(putIn(end)).toEqual({ decision: true, choice: true, humanWait: true, outageClient: true });
    expect(lossFaults(end)).toEqual([]);
    const hours = end.result.clock.wallJumps.map(({ jumpUs }) => Math.round(jumpUs / 3_600_000_000));
    expect(hours).toEqual([3, -2 * 365 * 24 - 3, 2 * 365 * 24 + 24]);
    expect(end.result.clock.suspect).toBe(false);
    expect(end.result.deviations.map(({ code }) => code)).toContain("WALL_CLOCK_JUMPED");
  },
);
