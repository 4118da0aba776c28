import type { Duration } from "../../src/drills/measurement/clock-schema.ts";

/** An instant as a test saw it by its own clock: the true one lies between these, microseconds of CLOCK_MONOTONIC. */
export interface Seen {
  readonly fromUs: number;
  readonly toUs: number;
}

/** A duration that is known to lie between these. */
export interface Span {
  readonly loUs: number;
  readonly hiUs: number;
}

export function apart(from: Seen, to: Seen): Span {
  return { loUs: Math.max(0, to.fromUs - from.toUs), hiUs: to.toUs - from.fromUs };
}

/** Why a measured duration cannot be the true one; null when its interval and what was seen have a value in common. */
export function disagreement(name: string, duration: Duration | undefined, truth: Span): string | null {
  if (duration?.status !== "measured") return `${name}: ${duration?.status ?? "absent"}`;
  const { loUs, hiUs, clockSuspect } = duration;
  const fits = loUs <= truth.hiUs && truth.loUs <= hiUs && truth.loUs <= truth.hiUs && !clockSuspect;
  return fits ? null : `${name}: measured [${loUs}, ${hiUs}], seen [${truth.loUs}, ${truth.hiUs}]`;
}
