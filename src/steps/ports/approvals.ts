import type { Instant } from "../../support/clock.ts";

/** Asks a person. The question is a file in the run's folder; the answer comes from the terminal or from `firedrill approve`. */
export interface Approvals {
  /** Puts the question (once: a resumed run finds the one that is there) and waits. Rejects only when `signal` is aborted. */
  ask(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer>;
}

export interface ApprovalQuestion {
  readonly runId: string;
  readonly runDir: string;
  readonly step: string;
  readonly text: string;
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
}
