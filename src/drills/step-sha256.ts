import { z } from "zod";
import { sha256OfJson } from "../support/canonical-json.ts";
import type { JsonValue } from "../support/json.ts";
import type { StepSignature } from "./step-signature.ts";

/** Identity of a step's definition: what a run that began with it relies on. Texts for people, phases and timeouts are not part of it. */
export function stepSha256(step: StepSignature, mayReconcile: boolean): string {
  const { uses, role, effect, idempotent, creates, needsSystem } = step;
  const schemas = { with: schemaOf(step.with, "input"), outputs: schemaOf(step.outputs, "output") };
  return sha256OfJson({ uses, role, effect, idempotent, mayReconcile, creates, needsSystem, ...schemas });
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): JsonValue {
  // JSON by construction; the library's type is wider than JSON's.
  return withoutTexts(z.toJSONSchema(schema, { io, unrepresentable: "any" }) as unknown as JsonValue);
}

/** A property that is called `description` is a schema, not a text. */
function withoutTexts(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => withoutTexts(item));
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([key, item]) => key !== "description" || typeof item !== "string");
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutTexts(item)]));
}
