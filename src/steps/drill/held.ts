import type { Instant } from "../../support/clock.ts";

/** What the hold window showed. */
export type Held =
  | { readonly kind: "healthy"; readonly probes: number; readonly last: Instant; readonly resolutionUs: number }
  | {
      readonly kind: "unhealthy";
      /** All of them, the failed one included. */
      readonly probes: number;
      readonly at: Instant;
      readonly sinceBeginUs: number;
      readonly reason: string;
    };
