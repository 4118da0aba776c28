import { type ErrorOptions, FiredrillError } from "../support/errors.ts";
import type { FailureClass } from "./run-event.ts";

/** How a step or a driver says that it could not do its work; anything else thrown counts as `permanent`. */
export class StepError extends FiredrillError {
  readonly class: FailureClass;

  constructor(failureClass: FailureClass, code: string, message: string, options: ErrorOptions = {}) {
    super(code, message, options);
    this.name = "StepError";
    this.class = failureClass;
  }
}
