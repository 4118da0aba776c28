import { needsConsents } from "../drills/consents.ts";
import type { Plan } from "../drills/plan.ts";
import { FiredrillError } from "../support/errors.ts";
import type { CliIo } from "./io.ts";
import { oneLine } from "./terminal/plain-text.ts";

/**
 * The name of the system, as a person passed or typed it; null where none is needed and none was given. Throws
 * `CONFIRM_MISSING`, `CONFIRM_WRONG`. Nothing has been created when it is asked.
 */
export async function confirmSystem(io: CliIo, plan: Plan, passed: string | undefined): Promise<string | null> {
  const name = plan.system?.name;
  if (passed !== undefined) return sameName(passed, name);
  if (!needsConsents(plan) || name === undefined) return null;
  const { environment } = plan.system ?? { environment: "unlabelled" };
  const typed =
    io.ask === null
      ? null
      : await io.ask(`This drill disrupts ${name}, which is ${environment}. Type its name to go on: `, io.interrupted);
  if (typed !== null) return sameName(typed.trim(), name);
  throw new FiredrillError("CONFIRM_MISSING", `This drill disrupts ${name}, which is ${environment}.`, {
    hint: `If that is meant: --confirm ${name}`,
  });
}

function sameName(given: string, name: string | undefined): string {
  if (given === name) return given;
  throw new FiredrillError(
    "CONFIRM_WRONG",
    `Confirmed was "${oneLine(given, 80)}", and the system under drill is ${name ?? "none"}.`,
    { hint: "Look at --system and at the inventory: nothing was started." },
  );
}
