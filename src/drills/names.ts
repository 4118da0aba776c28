import { z } from "zod";

/** Names that stand in paths, file names and reports: lower case, digits, hyphens; at most 63 characters. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/u;
/** Names that `${{ }}` and CEL read without quoting. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/u;
const STEP_ID = /^[a-z][a-z0-9_-]{0,62}$/u;

export function nameSchema() {
  return z
    .string()
    .regex(NAME, "BAD_NAME: a name has lower-case letters, digits and hyphens, at most 63\nas in restore-orders");
}

export function identifierSchema() {
  return z
    .string()
    .regex(
      IDENTIFIER,
      "BAD_NAME: a parameter's name has letters, digits and underscores, and does not begin with a digit",
    );
}

export function stepIdSchema() {
  return z
    .string()
    .regex(
      STEP_ID,
      "BAD_ID: an id begins with a lower-case letter and has letters, digits, - and _, at most 63\nas in restore or verify-rows",
    );
}

/** One line of text for people. */
export function lineSchema(max = 200) {
  return z
    .string()
    .min(1, "EMPTY_VALUE: the text is empty")
    .max(max)
    .regex(/^[^\n\r]*$/u, "INVALID_VALUE: the text must be one line");
}
