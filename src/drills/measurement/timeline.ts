import { formatInterval } from "../../support/format.ts";
import type { Recorded } from "../run-event.ts";
import type { Duration } from "./clock-schema.ts";

/**
 * Job: puts every instant of a run on one axis and takes durations from it.
 * 1. Within one boot of the machine only the monotonic clock counts: no jump of the wall clock changes a duration.
 * 2. CLOCK_MONOTONIC starts anew with a boot, so the gap between two boots is a wall-clock difference, carries
 *    BOOT_UNCERTAINTY_US on both sides and sets `clockSuspect`.
 * 3. A duration that would be negative is not measured: the two instants contradict each other. Where only their
 *    resolutions overlap it is next to nothing: `[0, what the overlap leaves]`.
 */

/**
 * What a wall-clock difference across a boot may be wrong by. A machine starts with its real-time clock, which
 * keeps whole seconds and is written and read once each.
 */
export const BOOT_UNCERTAINTY_US = 2_000_000;

/** Below this a difference between the two clocks is reading them one after the other, or slewing (at most 500 ppm). */
const JUMP_THRESHOLD_US = 50_000;
const SLEW_PER_MILLION = 1000;

/** An instant as a record or a mark holds it; the true one lies in [value - resolutionUs, value]. */
export interface Moment {
  readonly boot: string;
  readonly monoUs: number;
  readonly wallUs: number;
  readonly resolutionUs: number;
}

export interface Timeline {
  /** Microseconds since the first record. */
  at(moment: Moment): number;
  between(from: Moment, to: Moment): Duration;
  readonly bootChanges: number;
  readonly wallJumps: readonly { readonly seq: number; readonly jumpUs: number }[];
  /** Sum of the sizes of the jumps. */
  readonly wallUncertaintyUs: number;
}

interface Boot {
  readonly boot: string;
  readonly firstMonoUs: number;
  /** Where the boot's first record stands on the axis. */
  readonly baseUs: number;
}

export function timelineOf(records: readonly Recorded[]): Timeline {
  const boots = bootsOf(records);
  const wallJumps = jumpsOf(records);
  const at = (moment: Moment): number => {
    const boot = bootOf(boots, moment.boot);
    return boot.baseUs + moment.monoUs - boot.firstMonoUs;
  };
  return {
    at,
    between: (from, to) => between(from, to, at(to) - at(from), bootsApart(boots, from, to)),
    bootChanges: Math.max(0, boots.length - 1),
    wallJumps,
    wallUncertaintyUs: wallJumps.reduce((sum, jump) => sum + Math.abs(jump.jumpUs), 0),
  };
}

/** The record's own instant; `resolutionUs` as the caller knows it. */
export function momentOf(record: Recorded, resolutionUs = 0): Moment {
  return { boot: record.boot, monoUs: record.monoUs, wallUs: record.wallUs, resolutionUs };
}

function bootsOf(records: readonly Recorded[]): readonly Boot[] {
  const boots: Boot[] = [];
  for (const [index, record] of records.entries()) {
    const last = boots.at(-1);
    if (last?.boot === record.boot) continue;
    const before = records[index - 1];
    const reached = last === undefined || before === undefined ? 0 : last.baseUs + before.monoUs - last.firstMonoUs;
    const gap = before === undefined ? 0 : Math.max(0, record.wallUs - before.wallUs);
    boots.push({ boot: record.boot, firstMonoUs: record.monoUs, baseUs: reached + gap });
  }
  return boots;
}

function bootOf(boots: readonly Boot[], name: string): Boot {
  return boots.findLast((boot) => boot.boot === name) ?? boots.at(-1) ?? { boot: name, firstMonoUs: 0, baseUs: 0 };
}

function bootsApart(boots: readonly Boot[], from: Moment, to: Moment): number {
  return Math.abs(boots.indexOf(bootOf(boots, to.boot)) - boots.indexOf(bootOf(boots, from.boot)));
}

function between(from: Moment, to: Moment, valueUs: number, bootsCrossed: number): Duration {
  const uncertaintyUs = bootsCrossed * BOOT_UNCERTAINTY_US;
  const hiUs = valueUs + from.resolutionUs + uncertaintyUs;
  if (valueUs < 0 && hiUs < 0) return { status: "not_measured", reason: "its end was recorded before its begin" };
  const loUs = Math.max(0, valueUs - to.resolutionUs - uncertaintyUs);
  return measured({ valueUs: Math.max(0, valueUs), loUs, hiUs }, bootsCrossed > 0);
}

export function measured(
  interval: { readonly valueUs: number; readonly loUs: number; readonly hiUs: number },
  clockSuspect = false,
): Duration {
  return { status: "measured", ...interval, clockSuspect, text: formatInterval(interval) };
}

/** Jumps between neighbouring records of one boot: the wall clock moved otherwise than the monotonic one. */
function jumpsOf(records: readonly Recorded[]): readonly { readonly seq: number; readonly jumpUs: number }[] {
  return records.flatMap((record, index) => {
    const before = records[index - 1];
    if (before === undefined || before.boot !== record.boot) return [];
    const passedUs = record.monoUs - before.monoUs;
    const jumpUs = record.wallUs - before.wallUs - passedUs;
    const allowedUs = Math.max(JUMP_THRESHOLD_US, Math.ceil((Math.abs(passedUs) * SLEW_PER_MILLION) / 1_000_000));
    return Math.abs(jumpUs) > allowedUs ? [{ seq: record.seq, jumpUs }] : [];
  });
}
