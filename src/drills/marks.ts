/**
 * The eight marks of the recovery clock. T0 disaster; T1 detected; T2 declared (decided to recover); T3 first recovery
 * action began; T4 recovered engine answers a read; T5 acknowledges a write; T6 every required check passed; T7 still
 * healthy at the end of the hold window. T2, T3 and T6 are read off the journal by the measurement; steps set the others.
 */
export const MARKS = ["T0", "T1", "T2", "T3", "T4", "T5", "T6", "T7"] as const;
export type MarkName = (typeof MARKS)[number];
