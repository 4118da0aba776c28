import { formatDurationUs, formatInterval } from "../../support/format.ts";
import type { Age } from "./clock-schema.ts";
import type { Moment } from "./timeline.ts";

export const SKEW_NOTE = "the skew between the writer's clock and this machine's was not measured";

interface AgeInput {
  readonly t0: Moment;
  readonly newestWallUs: number;
  /** How much less than the age the loss may be, on top of the clocks. */
  readonly earlierUs: number;
  readonly wallUncertaintyUs: number;
  readonly basis: "measured" | "estimate";
  readonly source: string;
  readonly notes: readonly string[];
}

/** An age at T0 by wall clocks; a survivor younger than T0 gives none. */
export function age(input: AgeInput): Age {
  const valueUs = input.t0.wallUs - input.newestWallUs;
  if (valueUs < 0) return { status: "not_measured", reason: youngerThanT0(input.source, -valueUs) };
  const loUs = Math.max(0, valueUs - input.earlierUs - input.t0.resolutionUs - input.wallUncertaintyUs);
  const interval = { valueUs, loUs, hiUs: valueUs + input.wallUncertaintyUs };
  const { basis, source } = input;
  const jumped =
    input.wallUncertaintyUs === 0
      ? []
      : [`widened by ${formatDurationUs(input.wallUncertaintyUs)}: this machine's wall clock jumped`];
  return {
    status: "measured",
    ...interval,
    text: formatInterval(interval),
    basis,
    source,
    notes: [...input.notes, ...jumped],
  };
}

function youngerThanT0(source: string, byUs: number): string {
  return (
    `${source} is ${formatDurationUs(byUs)} younger than T0: the copy holds what was written after the disaster, ` +
    "or the clocks differ, so what a disaster at T0 would have cost cannot be told"
  );
}
