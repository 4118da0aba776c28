import { FiredrillError, InputError } from "../support/errors.ts";

/** Bad input: nothing was started, nothing created. */
export const EXIT_INPUT = 2;
/** The tool itself broke. The exit codes of runs are in `drills/result.ts`. */
export const EXIT_ERROR = 5;

/** A run's journal is damaged before its end: a person must look, and nothing was done from it. */
export const EXIT_DAMAGED = 6;

/** Codes of errors that mean "what you typed", not "what broke". */
const INPUT_CODES: ReadonlySet<string> = new Set([
  "USAGE",
  "FILE_NOT_FOUND",
  "STATE_NOT_FOUND",
  "PG_BIN",
  "FILE_UNREADABLE",
  "FILE_EXISTS",
  "RUN_ID",
  "RUN_UNKNOWN",
  "RUN_FINISHED",
  "RUN_INCOMPLETE",
  "RUN_LOCKED",
  "HALTED",
  "SYSTEM_BUSY",
  "OWNER_UNKNOWN",
  "CONFIRM_MISSING",
  "CONFIRM_WRONG",
  "NOT_READY",
  "APPROVAL_NOTHING",
  "APPROVAL_WHICH",
  "APPROVAL_DECIDED",
  "APPROVAL_WHO",
  "HALT_WHO_AND_WHY",
  "STEP_UNKNOWN",
  "DEFINITIONS_CHANGED",
  "PARAM_SYNTAX",
  "SYSTEM_NO_PRIMARY",
  "SYSTEM_NO_HEARTBEAT",
  "INIT_NO_BACKUP",
  "INIT_NO_WAL",
  "INIT_NAME",
  "INIT_PATH",
]);

export function exitCodeOf(error: unknown): number {
  if (error instanceof InputError) return EXIT_INPUT;
  if (error instanceof FiredrillError) return exitCodeFor(error.code);
  return EXIT_ERROR;
}

/** Of a FiredrillError's code. */
export function exitCodeFor(code: string): number {
  if (code === "JOURNAL_DAMAGED") return EXIT_DAMAGED;
  return INPUT_CODES.has(code) ? EXIT_INPUT : EXIT_ERROR;
}

/** One block of text for any error; a stack trace never reaches the user. */
export function describeError(error: unknown): string {
  if (error instanceof InputError) return `${error.message}\n`;
  if (error instanceof FiredrillError) {
    return `firedrill: ${error.code} ${error.message}\n${error.hint === undefined ? "" : `  hint: ${error.hint}\n`}`;
  }
  return `firedrill: INTERNAL ${error instanceof Error ? error.message : String(error)}\n  hint: this is a fault of Firedrill; run again with --log-level debug and report it\n`;
}
