/** The step that the planner makes from `objectives.hold`; nobody writes it. */
export const HOLD_USES = "drill/hold";
/** What the hold may take longer than its window: the last probe, and saying so. */
export const HOLD_GRACE_MS = 30_000;
