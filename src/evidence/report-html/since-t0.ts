import type { RunResult } from "../../drills/result.ts";
import { formatDurationUs, formatWallUs } from "../../support/format.ts";

interface Instant {
  readonly wallUs: number;
  readonly monoUs: number;
}

/** From T0 by the monotonic clock, and when that was. */
export function sinceT0(result: RunResult, { wallUs, monoUs }: Instant): string {
  const t0 = result.marks.find(({ mark }) => mark === "T0");
  const wall = formatWallUs(wallUs);
  if (t0?.status !== "measured" || result.clock.bootChanges > 0) return wall;
  const us = monoUs - t0.monoUs;
  return `${us < 0 ? "−" : "+"}${formatDurationUs(Math.abs(us))} (${wall})`;
}
