import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { StepError } from "../drills/step-error.ts";

/**
 * The argument list with the program's real path, which is what runs: a link that is turned round after the question changes
 * nothing. Throws `COMMAND_MISSING`, `COMMAND_NOT_ALLOWED`.
 */
export function allowedArgv(argv: readonly string[], allowed: readonly string[]): readonly string[] {
  const [program = "", ...args] = argv;
  const real = realProgram(program);
  if (allowed.includes(real)) return [real, ...args];
  const via = real === program ? "" : ` (${program} leads there)`;
  throw new StepError("permanent", "COMMAND_NOT_ALLOWED", `${real}${via} is not among the commands that may be run`, {
    hint: `if it may, add it to firedrill.yaml: commands: [${real}]`,
    details: { program: real, allowed: allowed.length },
  });
}

function realProgram(program: string): string {
  try {
    if (!isAbsolute(program)) throw new Error("expected an absolute path");
    const real = realpathSync(program);
    if (!statSync(real).isFile()) throw new Error("it is no file");
    accessSync(real, constants.X_OK);
    return real;
  } catch (cause) {
    throw new StepError("permanent", "COMMAND_MISSING", `${program} cannot be run: ${textOf(cause)}`, { cause });
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
