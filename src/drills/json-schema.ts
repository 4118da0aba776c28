import { z } from "zod";
import type { JsonObject, JsonValue } from "../support/json.ts";
import { inventorySchema } from "./inventory-schema.ts";
import { playbookSchema } from "./playbook-schema.ts";
import type { StepCatalogue, StepSignature } from "./step-signature.ts";

/** JSON Schemas (draft 2020-12) for editors, from the schemas that check; what they cannot say, `validate` says. */
export function inventoryJsonSchema(): JsonObject {
  return { ...toJsonSchema(inventorySchema), title: "Firedrill inventory" };
}

/** With every step of the catalogue: the editor completes `uses:` and knows each step's `with:`. */
export function playbookJsonSchema(catalogue: StepCatalogue): JsonObject {
  const schema = toJsonSchema(playbookSchema);
  const definitions = asObject(schema["$defs"]);
  const signatures = [...catalogue.values()]
    .filter((step) => step.phases?.join() !== "hold")
    .toSorted((a, b) => (a.uses < b.uses ? -1 : 1));
  const step = stepDefinition(asObject(definitions["Step"]), signatures);
  return { ...schema, title: "Firedrill playbook", $defs: { ...definitions, Step: step, Template: TEMPLATE } };
}

const TEMPLATE: JsonObject = {
  type: "string",
  pattern: "\\$\\{\\{.*\\}\\}",
  description: "A value by path: ${{ steps.restore.outputs.database }}.",
};

function stepDefinition(step: JsonObject, signatures: readonly StepSignature[]): JsonObject {
  if (signatures.length === 0) return step;
  const properties = asObject(step["properties"]);
  const uses = { ...asObject(properties["uses"]), enum: signatures.map((each) => each.uses) };
  return { ...step, properties: { ...properties, uses }, allOf: signatures.map(inputRule) };
}

function inputRule(signature: StepSignature): JsonObject {
  const strict = signature.with.def.catchall === undefined ? signature.with.strict() : signature.with;
  const { $schema: _schema, ...input } = toJsonSchema(strict);
  const needed = Array.isArray(input["required"]) && input["required"].length > 0;
  const then: JsonObject = {
    properties: { with: { ...templated(input), description: signature.summary } },
    ...(needed ? { required: ["with"] } : {}),
  };
  // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's own keyword, never awaited
  return { if: { properties: { uses: { const: signature.uses } }, required: ["uses"] }, then };
}

/** Wherever a value may stand, a template may. */
function templated(schema: JsonObject): JsonObject {
  const properties = schema["properties"];
  if (properties === undefined) return schema;
  const wrapped = Object.entries(asObject(properties)).map(
    ([name, value]) => [name, orTemplate(asObject(value))] as const,
  );
  return { ...schema, properties: Object.fromEntries(wrapped) };
}

function orTemplate(value: JsonObject): JsonObject {
  const { description, default: standard, ...rest } = value;
  return {
    ...(description === undefined ? {} : { description }),
    ...(standard === undefined ? {} : { default: standard }),
    anyOf: [templated(rest), { $ref: "#/$defs/Template" }],
  };
}

function toJsonSchema(schema: z.ZodType): JsonObject {
  // JSON by construction; the library's type is wider than JSON's.
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as unknown as JsonObject;
}

function asObject(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
