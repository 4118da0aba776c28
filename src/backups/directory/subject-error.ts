import { StepError } from "../../drills/step-error.ts";
import { FiredrillError } from "../../support/errors.ts";
import type { BackupProblem } from "../../steps/ports/backup-source.ts";

/** The backup is at fault, not us: `subject` errors turn a drill red instead of breaking it. */
export function subjectError(problem: BackupProblem, cause?: unknown): StepError {
  return new StepError("subject", problem.code, problem.message, {
    ...(problem.hint === undefined ? {} : { hint: problem.hint }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** One error for everything found: the first problem's code, all problems in message and details. */
export function subjectErrors(problems: readonly BackupProblem[]): StepError {
  const [first] = problems;
  if (first === undefined) throw new RangeError("subjectErrors needs a problem");
  if (problems.length === 1) return subjectError(first);
  return new StepError("subject", first.code, problems.map((problem) => problem.message).join("\n"), {
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    details: { problems: problems.map((problem) => ({ ...problem })) },
  });
}

/** What a caught error says about a backup, or undefined when it is not ours to explain. */
export function problemOf(error: unknown): BackupProblem | undefined {
  if (error instanceof FiredrillError) {
    return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  }
  const code = errnoOf(error);
  if (code === undefined || !(error instanceof Error)) return undefined;
  return { code: "BACKUP_UNREADABLE", message: error.message, hint: "Run as a user that may read the backup." };
}

/** `ENOENT` and the like; undefined for what is no system error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
