import { z } from "zod";
import { disruptiveSteps } from "../drills/consents.ts";
import type { Plan, PlanStep } from "../drills/plan.ts";
import { FiredrillError } from "../support/errors.ts";

export interface ReadyDeps {
  /** Throws when the program may not be run. */
  readonly allowed: (argv: readonly string[]) => unknown;
  readonly secret: (ref: string) => Promise<unknown>;
}

/**
 * Asks before a drill that disrupts what it would otherwise stumble over in the middle, with a primary broken already: a command
 * that is not allowed, a secret that is not there. Says all of it at once. Throws `NOT_READY`; nothing has been created.
 */
export async function requireReady(plan: Plan, deps: ReadyDeps): Promise<void> {
  if (disruptiveSteps(plan).length === 0) return;
  const missing: string[] = [];
  for (const step of plan.steps) missing.push(...commandFaults(step, deps));
  for (const [ref, where] of references(plan)) missing.push(...(await secretFaults(ref, where, deps)));
  if (missing.length === 0) return;
  throw new FiredrillError(
    "NOT_READY",
    `This drill would break off in the middle: ${[...new Set(missing)].join("; ")}`,
    {
      hint: "Nothing was started. Programs are allowed by `commands:` of firedrill.yaml in the current folder; secrets are looked for where the reference says.",
    },
  );
}

const argv = z.array(z.string()).min(1);
const commandInput = z.object({ argv: argv.optional().catch(undefined), undo: argv.optional().catch(undefined) });

function commandFaults(step: PlanStep, { allowed }: ReadyDeps): readonly string[] {
  if (step.uses !== "command/run" || step.when !== null) return [];
  const given = commandInput.parse(step.with);
  return [given.argv, given.undo].flatMap((list) => {
    // What an earlier step gives is not known yet.
    if (list === undefined || list[0]?.includes("${{") === true) return [];
    const why = reasonOf(() => allowed(list));
    return why === null ? [] : [`${step.id}: ${why}`];
  });
}

function reasonOf(ask: () => unknown): string | null {
  try {
    ask();
    return null;
  } catch (error) {
    return textOf(error);
  }
}

async function secretFaults(ref: string, where: string, { secret }: ReadyDeps): Promise<readonly string[]> {
  const why = await secret(ref).then(() => null, textOf);
  return why === null ? [] : [`${where}: ${why}`];
}

/** Each reference once, with who needs it first. */
function references(plan: Plan): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const password = plan.system?.credentials?.password ?? null;
  if (password !== null) found.set(password, `credentials of ${plan.system?.name ?? "the system"}`);
  for (const step of plan.steps) {
    if (step.when !== null) continue;
    for (const ref of secretsIn(step.with)) if (!found.has(ref)) found.set(ref, step.id);
  }
  return found;
}

const secretValue = z.strictObject({ secret: z.string() });

function secretsIn(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [];
  const { success, data } = secretValue.safeParse(value);
  if (success) return data.secret.includes("${{") ? [] : [data.secret];
  return Object.values(value).flatMap(secretsIn);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
