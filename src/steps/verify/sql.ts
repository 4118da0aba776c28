import { z } from "zod";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import { expectation, meets } from "../../drills/expectation.ts";
import { defineStep, type Step } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { printable } from "../../support/printable.ts";
import type { Sessions } from "../ports/postgres.ts";
import { readSingleValue } from "../postgres/single-value.ts";
import { CONNECT_TIMEOUT_MS } from "../postgres/timeouts.ts";
import { inReadOnlyTransaction } from "../postgres/transaction.ts";

const inputSchema = z.strictObject({
  on: databaseRefSchema,
  query: z.string().min(1).max(20_000).describe("One SELECT that gives one row with one column."),
  expect: expectation().describe(
    "What the value must be: `> 0`, `== 'open'`, `between 1 and 10`, `in ['a', 'b']`, `matches /^v1/`.",
  ),
  timeout: durationMs().prefault("1m").describe("Statement timeout. Default 1m."),
});

const outputSchema = z.object({
  value: z.string().nullable().describe("The value as the server writes it, null for NULL."),
  rows: z.number().int().describe("Rows the query gave: always 1."),
});

const MAX_SHOWN = 200;

/** Asks one question in SQL and compares the answer. A NULL meets `== null` only. */
export function sqlStep(deps: { readonly sessions: Sessions }): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "verify/sql",
    summary: "Runs one read-only query and compares its single value.",
    role: "check",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    defaultTimeoutMs: 2 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      const options = {
        readOnly: true,
        statementTimeoutMs: input.timeout,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: ctx.signal,
      };
      await using session = await deps.sessions.open(input.on, options);
      const { text } = await inReadOnlyTransaction(session, () => readSingleValue(session, input.query));
      return {
        kind: "check",
        passed: meets(input.expect, text),
        outputs: { value: text, rows: 1 },
        check: {
          title: printable(input.query.replaceAll(/\s+/gu, " ").trim(), MAX_SHOWN),
          expected: input.expect.text,
          actual: text === null ? "NULL" : printable(text, MAX_SHOWN),
          coverage: null,
        },
      };
    },
  });
}
