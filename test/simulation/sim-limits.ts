import type { Limits } from "../../src/engine/engine-deps.ts";

/** Shorter than the real ones in the same proportions, so that a run takes few turns. */
export const limitsForSimulation: Limits = {
  stopGraceMs: 3000,
  stoppingMs: 5000,
  cleanupMs: 30_000,
  resourceMs: 8000,
  haltPollMs: 1500,
};
