import { z } from "zod";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import { type Expectation, expectation, meets } from "../../drills/expectation.ts";
import { defineStep, type Step } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { printable } from "../../support/printable.ts";
import type { Session, Sessions } from "../ports/postgres.ts";
import { describeMissing, findTable } from "../postgres/table-names.ts";
import { CONNECT_TIMEOUT_MS } from "../postgres/timeouts.ts";
import { inReadOnlyTransaction } from "../postgres/transaction.ts";

const nameSchema = z.string().min(1).max(300);
const inputSchema = z
  .strictObject({
    on: databaseRefSchema,
    table: nameSchema.optional().describe('Table to count, `schema.table`; quote capitals: `public."Orders"`.'),
    tables: z.array(nameSchema).min(1).max(500).optional().describe("Several tables; each must meet the expectation."),
    expect: expectation().prefault("> 0").describe("What the number of rows must be. Default `> 0`."),
    timeout: durationMs().prefault("10m").describe("Statement timeout of one count. Default 10m."),
  })
  .refine((input) => (input.table === undefined) !== (input.tables === undefined), {
    error: "ROWS_TABLES: give either table or tables\ntable: public.orders",
    path: ["table"],
    // Also while `on` is still to be filled in, so that `firedrill validate` tells it.
    when: ({ issues }) => !issues.some(({ path }) => path?.length !== 1 || path[0] === "table" || path[0] === "tables"),
  });

const outputSchema = z.object({
  rows: z.string().describe("Rows of all tables together; text, because a bigint may not fit a number."),
  tables: z
    .array(z.object({ table: z.string(), rows: z.string().nullable() }))
    .describe("Rows by table; null for a missing one."),
});

/** Counts rows exactly. A missing table is a "no", not an error: it is what the check is for. */
export function rowsStep(deps: { readonly sessions: Sessions }): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "verify/rows",
    summary: "Counts the rows of tables and compares the numbers.",
    role: "check",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    defaultTimeoutMs: 10 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      const asked = input.tables ?? (input.table === undefined ? [] : [input.table]);
      const options = {
        readOnly: true,
        statementTimeoutMs: input.timeout,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: ctx.signal,
      };
      await using session = await deps.sessions.open(input.on, options);
      const counts = await inReadOnlyTransaction(session, async () => {
        const done: Count[] = [];
        for (const table of asked) {
          done.push(await countRows(session, table));
          ctx.progress({ what: "counting rows", done: done.length, total: asked.length, unit: "tables" });
        }
        return done;
      });
      return answer(counts, input.expect);
    },
  });
}

interface Count {
  readonly table: string;
  /** Null: there is no such table. */
  readonly rows: string | null;
  readonly text: string;
}

async function countRows(session: Session, asked: string): Promise<Count> {
  const table = await findTable(session, asked);
  if (table.kind === "missing") return { table: asked, rows: null, text: describeMissing(table) };
  // The name was quoted by the server itself.
  const [row] = await session.query<{ readonly rows: string }>(
    `select pg_catalog.count(*)::text as rows from ${table.name}`,
  );
  const rows = row?.rows ?? null;
  return { table: table.name, rows, text: `${printable(table.name, 140)}: ${rows} rows` };
}

const MAX_NAMED = 10;

function answer(counts: readonly Count[], expect: Expectation) {
  const wrong = counts.filter(({ rows }) => rows === null || !meets(expect, rows));
  const told = (wrong.length > 0 ? wrong : counts).map(({ text }) => text);
  const more = told.length > MAX_NAMED ? [`and ${told.length - MAX_NAMED} more`] : [];
  const [only] = counts;
  const counted = counts.filter(({ rows }) => rows !== null);
  return {
    kind: "check" as const,
    passed: wrong.length === 0 && counts.length > 0,
    outputs: {
      rows: String(counted.reduce((sum, { rows }) => sum + BigInt(rows ?? 0), 0n)),
      tables: counts.map(({ table, rows }) => ({ table, rows })),
    },
    check: {
      title: counts.length === 1 ? `rows of ${printable(only?.table ?? "", 140)}` : `rows of ${counts.length} tables`,
      expected: expect.text,
      actual: [...told.slice(0, MAX_NAMED), ...more].join("; "),
      coverage: { checked: counted.length, total: counts.length, unit: "tables" },
    },
  };
}
