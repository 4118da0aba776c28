import { ACKED, type MarkerState } from "./markers.ts";

/** Where a marker that was sent ends up (docs/measurement.md). One that was found and never sent is a phantom. */
export type MarkerClass = "survived" | "lost" | "recoveredUnknown" | "failed" | "duplicated" | "altered";

/**
 * The class of a marker by what its writer was told and what is in the table. An answer that is not known never makes
 * a marker lost, and one that was refused and is there all the same counts as recovered.
 */
export function classOf(state: MarkerState, timesFound: number, altered: boolean): MarkerClass {
  if (timesFound > 1) return "duplicated";
  if (timesFound === 1 && altered) return "altered";
  if (state === ACKED) return timesFound === 1 ? "survived" : "lost";
  return timesFound === 1 ? "recoveredUnknown" : "failed";
}
