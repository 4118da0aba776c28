import { z } from "zod";
import { textOrSecretSchema } from "../secret-value.ts";

/** Variables that make an allowed program run something else: shells, loaders and interpreters read them. */
const STEERING =
  /^(?:PATH|IFS|ENV|CDPATH|SHELLOPTS|BASH.*|PS4|LD_.*|GCONV_PATH|NODE_.*|PYTHON.*|PERL.*|RUBY.*|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|FIREDRILL_.*)$/u;
const REFUSED =
  "expected names of letters, digits and `_` that do not steer how programs are found and loaded (PATH, LD_*, BASH_*, ...)";

/** What a command finds in its environment, besides a fixed `PATH` and `LC_ALL`. */
export function environment() {
  return z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/u, REFUSED), textOrSecretSchema)
    .refine((env) => Object.keys(env).every((name) => !STEERING.test(name)), REFUSED)
    .default({});
}
