/**
 * The phases of a drill in their order. `hold` is not written in a playbook: the planner makes it from
 * `objectives.hold`. Cleanup is no phase either: it is done from the resource ledger, always.
 */
export const PHASES = ["prepare", "disaster", "recover", "verify", "hold", "return"] as const;
export type PhaseName = (typeof PHASES)[number];

/** Phases a playbook may write. */
export const WRITTEN_PHASES = ["prepare", "disaster", "recover", "verify", "return"] as const;
export type WrittenPhase = (typeof WRITTEN_PHASES)[number];
