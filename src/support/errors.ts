/**
 * One error for everything Firedrill can say, so that a command line, a server and a report show the
 * same code, sentence and hint. Codes are upper-case words; each stands in `docs/errors.md`.
 */
export interface ErrorOptions {
  /** What to do next, in one sentence. */
  readonly hint?: string;
  /** Facts worth keeping beside the message; JSON values, never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export class FiredrillError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "FiredrillError";
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** One fault in a document a person wrote: where, which rule, what to do. */
export interface Fault {
  readonly file: string;
  /** 1-based; 0 when the fault concerns the whole file. */
  readonly line: number;
  readonly col: number;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** All faults of the input at once. Maps to exit code 2; nothing has been created. */
export class InputError extends FiredrillError {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const [first] = faults;
    super(first?.code ?? "INPUT", faults.map(formatFault).join("\n"));
    this.name = "InputError";
    this.faults = faults;
  }
}

/** `file:line:col CODE message`, then the hint on a line of its own. */
export function formatFault(fault: Fault): string {
  const head = `${fault.file}:${fault.line}:${fault.col} ${fault.code} ${fault.message}`;
  return fault.hint === undefined ? head : `${head}\n  hint: ${fault.hint}`;
}
