import { z } from "zod";
import type { StepCatalogue, StepSignature } from "../drills/step-signature.ts";
import { formatDuration } from "../support/duration.ts";
import { FiredrillError } from "../support/errors.ts";
import { suggest } from "../support/suggest.ts";
import { stepCatalogue } from "../wire.ts";
import { type CliIo, printJson } from "./io.ts";
import { flag, type Options } from "./options.ts";

export async function command(io: CliIo, [uses]: readonly string[], options: Options): Promise<number> {
  const catalogue = stepCatalogue();
  const steps = uses === undefined ? [...catalogue.values()] : [named(catalogue, uses)];
  if (flag(options, "json")) printJson(io, steps.map(asJson));
  else if (uses === undefined) io.out(list(steps));
  else io.out(steps.map(describe).join("\n"));
  return 0;
}

function named(catalogue: StepCatalogue, uses: string): StepSignature {
  const step = catalogue.get(uses);
  if (step !== undefined) return step;
  const near = suggest(uses, [...catalogue.keys()]);
  throw new FiredrillError("STEP_UNKNOWN", `no step is called "${uses}"`, {
    hint: near === undefined ? "firedrill steps lists them" : `did you mean ${near}?`,
  });
}

function list(steps: readonly StepSignature[]): string {
  const width = Math.max(...steps.map((step) => step.uses.length));
  return steps
    .toSorted((a, b) => a.uses.localeCompare(b.uses, "en"))
    .map((step) => `${step.uses.padEnd(width)}  ${step.effect.padEnd(10)}  ${step.role.padEnd(6)}  ${step.summary}\n`)
    .join("");
}

function describe(step: StepSignature): string {
  const timeout =
    step.defaultTimeoutMs === undefined ? "must be given as `timeout:`" : formatDuration(step.defaultTimeoutMs);
  return [
    step.uses,
    `  ${step.summary}`,
    `  effect: ${step.effect}; ${step.role}; ${step.idempotent ? "runs again after a crash" : "asks the world after a crash"}`,
    `  phases: ${step.phases?.join(", ") ?? "any"}; timeout: ${timeout}`,
    `  creates: ${step.creates.length === 0 ? "nothing" : step.creates.join(", ")}`,
    "  with:",
    ...properties(step.with, "input"),
    "  outputs:",
    ...properties(step.outputs, "output"),
    "",
  ].join("\n");
}

function properties(schema: z.ZodObject, io: "input" | "output"): string[] {
  const { properties: all = {}, required = [] } = jsonSchema(schema, io);
  const rows = Object.entries(all).map(([name, property]) => {
    const is = typeof property === "object" ? property : {};
    const type = is.enum?.join(" | ") ?? (typeof is.type === "string" ? is.type : "value");
    const need =
      io === "output"
        ? ""
        : required.includes(name)
          ? ", required"
          : is.default === undefined
            ? ""
            : `, default ${JSON.stringify(is.default)}`;
    return `    ${name} (${type}${need})${is.description === undefined ? "" : `: ${is.description}`}`;
  });
  return rows.length === 0 ? ["    nothing"] : rows;
}

function jsonSchema(schema: z.ZodObject, io: "input" | "output"): z.core.JSONSchema.JSONSchema {
  return z.toJSONSchema(schema, { io, unrepresentable: "any" });
}

function asJson(step: StepSignature): object {
  const { uses, summary, role, effect, idempotent, creates, phases, defaultTimeoutMs, needsSystem } = step;
  return {
    uses,
    summary,
    role,
    effect,
    idempotent,
    creates,
    needsSystem,
    phases: phases ?? null,
    defaultTimeoutMs: defaultTimeoutMs ?? null,
    with: jsonSchema(step.with, "input"),
    outputs: jsonSchema(step.outputs, "output"),
  };
}
