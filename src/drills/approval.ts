import type { Instant } from "../support/clock.ts";

/** A question to a person, in the course of a run. */
export interface ApprovalQuestion {
  readonly runId: string;
  readonly runDir: string;
  readonly step: string;
  readonly text: string;
  /** Who should answer; shown, not enforced: nothing here knows who has which role. */
  readonly role: string | null;
  /** What is approved. */
  readonly planSha256: string;
  readonly timeoutMs: number;
}

export interface ApprovalAnswer {
  readonly decision: "approved" | "declined" | "timed_out";
  readonly who: string | null;
  readonly comment: string | null;
  /** When it was asked, also by a former process, and when it was answered. */
  readonly asked: Instant;
  readonly answered: Instant;
  /** How much earlier than `answered` the true instant can have been. */
  readonly resolutionUs: number;
}
