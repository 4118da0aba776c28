import { type ErrorOptions, FiredrillError } from "../../support/errors.ts";

/** A file of PostgreSQL that does not say what its format demands. `code` names the format. */
export class FormatError extends FiredrillError {
  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(code, message, options);
    this.name = "FormatError";
  }
}
