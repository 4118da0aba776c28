import { z } from "zod";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { printable } from "../../support/printable.ts";
import type { Baseline, Baselines, ContentReader, SchemaSnapshot } from "../ports/checks.ts";
import type { Sessions } from "../ports/postgres.ts";
import { listed } from "../postgres/listed.ts";
import { CONNECT_TIMEOUT_MS } from "../postgres/timeouts.ts";
import { definitionCount, schemaDifferences } from "./schema-differences.ts";

const inputSchema = z.strictObject({
  on: databaseRefSchema,
  baseline: z
    .string()
    .min(1)
    .max(4096)
    .describe("File that `firedrill fingerprint` wrote; relative to the working directory."),
  timeout: durationMs().prefault("1m").describe("Statement timeout. Default 1m."),
});

const outputSchema = z.object({
  definitions: z.number().int().describe("Definitions compared: tables, columns, indexes and so on."),
  differences: z.array(z.string()).describe("What differs, one sentence each; the first hundred."),
});

const MAX_KEPT = 100;

export interface SchemaDeps {
  readonly sessions: Sessions;
  readonly content: ContentReader;
  readonly baselines: Baselines;
}

/** Are all definitions as they were: tables, columns, indexes, constraints, sequences, views, functions, triggers, extensions? */
export function schemaStep(deps: SchemaDeps): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "verify/schema",
    summary: "Compares all definitions of the database with those of a baseline.",
    role: "check",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    defaultTimeoutMs: 2 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      const baseline = await deps.baselines.read(input.baseline, ctx.signal);
      if (Object.keys(baseline.schema.tables).length === 0) {
        throw new StepError("permanent", "SCHEMA_NOTHING", "the baseline has no table: nothing would be compared", {
          hint: "take it again, of the right database",
        });
      }
      const options = {
        readOnly: true,
        statementTimeoutMs: input.timeout,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: ctx.signal,
      };
      await using session = await deps.sessions.open(input.on, options);
      const { excludeSchemas } = baseline;
      return answer(baseline, await deps.content.schema(session, { excludeSchemas }));
    },
  });
}

function answer(baseline: Baseline, copy: SchemaSnapshot) {
  const differences = schemaDifferences(baseline.schema, copy);
  const total = definitionCount(baseline.schema);
  return {
    kind: "check" as const,
    passed: differences.length === 0,
    outputs: { definitions: total, differences: differences.slice(0, MAX_KEPT).map((text) => printable(text, 300)) },
    check: {
      title: "definitions of the database",
      expected: `as at ${baseline.takenAt}`,
      actual: differences.length === 0 ? `${total} definitions are the same` : listed(differences),
      coverage: { checked: total, total, unit: "definitions" },
    },
  };
}
