/** A copy that does not let us in within this time is not in service. */
export const CONNECT_TIMEOUT_MS = 10_000;
