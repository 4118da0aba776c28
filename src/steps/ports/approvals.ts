import type { ApprovalAnswer, ApprovalQuestion } from "../../drills/approval.ts";

export type { ApprovalAnswer, ApprovalQuestion } from "../../drills/approval.ts";

/** Asks a person. The question is a file in the run's folder; the answer comes from the terminal or from `firedrill approve`. */
export interface Approvals {
  /** Puts the question (once: a resumed run finds the one that is there) and waits. Rejects only when `signal` is aborted. */
  ask(question: ApprovalQuestion, signal: AbortSignal): Promise<ApprovalAnswer>;
}
