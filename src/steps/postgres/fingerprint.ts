import { z } from "zod";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { printable } from "../../support/printable.ts";
import { suggestionHint } from "../../support/suggest.ts";
import type { Baseline, Baselines, ContentReader, Fingerprint } from "../ports/checks.ts";
import type { Sessions } from "../ports/postgres.ts";
import { fingerprintDifferences } from "./fingerprint-differences.ts";
import { listed } from "./listed.ts";
import { CONNECT_TIMEOUT_MS } from "./timeouts.ts";

const inputSchema = z.strictObject({
  on: databaseRefSchema,
  baseline: z
    .string()
    .min(1)
    .max(4096)
    .describe("File that `firedrill fingerprint` wrote; relative to the working directory."),
  tables: z
    .array(z.string().min(1).max(300))
    .min(1)
    .max(5000)
    .optional()
    .describe("Only these tables, as the baseline spells them. Default: all, and the sequences."),
});

const outputSchema = z.object({
  tables: z.number().int().describe("Tables compared."),
  differences: z.array(z.string()).describe("What differs, one sentence each; the first hundred."),
});

const MAX_KEPT = 100;

export interface FingerprintDeps {
  readonly sessions: Sessions;
  readonly content: ContentReader;
  readonly baselines: Baselines;
}

/** Is every row there as it was? Compares digests of the tables' content with those of a baseline. */
export function fingerprintStep(deps: FingerprintDeps): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "postgres/fingerprint",
    summary: "Compares the content of every table with a fingerprint taken of the original.",
    role: "check",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    defaultTimeoutMs: 10 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      const baseline = await deps.baselines.read(input.baseline, ctx.signal);
      const wanted = select(baseline, input.tables ?? null);
      const options = {
        readOnly: true,
        statementTimeoutMs: 0,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: ctx.signal,
      };
      await using session = await deps.sessions.open(input.on, options);
      const copy = await deps.content
        .fingerprint(session, {
          excludeSchemas: baseline.excludeSchemas,
          tables: input.tables ?? null,
          onTable: telling(ctx),
        })
        .catch(emptyCopy);
      return answer(baseline, wanted, copy);
    },
  });
}

/** The part of the baseline that is compared. Errors: `FINGERPRINT_NOTHING`, `FINGERPRINT_UNKNOWN`. */
function select(baseline: Baseline, tables: readonly string[] | null): Fingerprint {
  if (Object.keys(baseline.tables).length === 0) {
    throw new StepError("permanent", "FINGERPRINT_NOTHING", "the baseline has no table: nothing would be compared", {
      hint: "take it again, of the right database",
    });
  }
  if (tables === null) return baseline;
  const unknown = tables.find((name) => !Object.hasOwn(baseline.tables, name));
  if (unknown !== undefined) {
    const why = baseline.excluded[unknown];
    const hint = why ?? suggestionHint(unknown, Object.keys(baseline.tables)) ?? "take the baseline again";
    throw new StepError(
      "permanent",
      "FINGERPRINT_UNKNOWN",
      `the baseline does not have the table ${printable(unknown)}`,
      { hint: printable(hint, 200) },
    );
  }
  const asked = new Set(tables);
  return {
    tables: Object.fromEntries(Object.entries(baseline.tables).filter(([name]) => asked.has(name))),
    excluded: {},
    sequences: {},
  };
}

function telling(ctx: StepContext): (done: number, total: number) => void {
  return (done, total) => ctx.progress({ what: "comparing content", done, total, unit: "tables" });
}

/** A copy without a single table is the worst difference there is, not a breakdown of the check. */
function emptyCopy(error: unknown): Fingerprint {
  if (error instanceof StepError && error.code === "FINGERPRINT_NOTHING")
    return { tables: {}, excluded: {}, sequences: {} };
  throw error;
}

function answer(baseline: Baseline, wanted: Fingerprint, copy: Fingerprint) {
  const differences = fingerprintDifferences(wanted, copy);
  const total = Object.keys(wanted.tables).length;
  const checked = Object.keys(wanted.tables).filter((name) => Object.hasOwn(copy.tables, name)).length;
  const rows = Object.values(copy.tables).reduce((sum, table) => sum + BigInt(table.rows), 0n);
  return {
    kind: "check" as const,
    passed: differences.length === 0 && checked > 0,
    outputs: { tables: checked, differences: differences.slice(0, MAX_KEPT).map((text) => printable(text, 300)) },
    check: {
      title: "content of all tables against the fingerprint",
      expected: `as at ${baseline.takenAt}, WAL position ${baseline.lsn}`,
      actual: differences.length === 0 ? `${checked} tables with ${rows} rows are the same` : listed(differences),
      coverage: { checked, total, unit: "tables" },
    },
  };
}
