import { z } from "zod";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { durationMs } from "../../support/duration.ts";
import { formatDurationUs, formatWallUs } from "../../support/format.ts";
import { printable } from "../../support/printable.ts";
import type { Session, Sessions } from "../ports/postgres.ts";
import { CONNECT_TIMEOUT_MS } from "../postgres/timeouts.ts";
import { inReadOnlyTransaction } from "../postgres/transaction.ts";
import { newestBeat, newestByQuery, type Newest } from "./newest.ts";

const inputSchema = z.strictObject({
  on: databaseRefSchema,
  maxAge: durationMs({ zero: true }).describe("How old, at T0, the newest surviving row may be: `5m`."),
  source: z
    .enum(["heartbeat", "query"])
    .optional()
    .describe(
      "Where the newest time is read. Default: `query` when one is given here, else the system's heartbeat, else its `newest:` query.",
    ),
  query: z
    .string()
    .min(1)
    .max(20_000)
    .optional()
    .describe("One SELECT that gives one timestamptz: `select max(created_at) from orders`."),
  timeout: durationMs().prefault("1m").describe("Statement timeout. Default 1m."),
});

const outputSchema = z.object({
  newest: z.string().nullable().describe("The newest time found, UTC; null when there was none."),
  ageUs: z.number().int().nullable().describe("T0 minus that time, microseconds; negative when it is later than T0."),
});

/** Later than the present by more than two clocks may differ: the time is wrong, so its age says nothing. */
const FUTURE_US = 60_000_000;

/** How old was the newest surviving row when the disaster struck? */
export function freshnessStep(deps: { readonly sessions: Sessions }): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "verify/freshness",
    summary: "Compares the age of the newest heartbeat or row, at T0, with a limit.",
    role: "check",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    defaultTimeoutMs: 2 * 60_000,
    needsSystem: false,
    async run(input, ctx) {
      const source = chooseSource(input, ctx);
      const options = {
        readOnly: true,
        statementTimeoutMs: input.timeout,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        signal: ctx.signal,
      };
      await using session = await deps.sessions.open(input.on, options);
      const newest = await inReadOnlyTransaction(session, () => read(session, source));
      if (newest.kind === "found") {
        const { what, wallUs: newestWallUs, intervalUs } = newest;
        await ctx.fact({
          kind: "newest_survivor",
          via: source.via,
          what: printable(what, 200),
          newestWallUs,
          intervalUs,
        });
      }
      return judge(newest, input.maxAge, ctx);
    },
  });
}

type Source =
  | { readonly via: "heartbeat"; readonly schema: string; readonly intervalMs: number | null }
  | { readonly via: "query"; readonly query: string };

function chooseSource(input: z.output<typeof inputSchema>, ctx: StepContext): Source {
  const heartbeat = ctx.system?.heartbeat ?? null;
  const query = input.query ?? ctx.system?.newest ?? null;
  const via = input.source ?? (input.query !== undefined || heartbeat === null ? "query" : "heartbeat");
  if (via === "heartbeat")
    return { via, schema: heartbeat?.schema ?? "firedrill", intervalMs: heartbeat?.intervalMs ?? null };
  if (query !== null) return { via, query };
  throw new StepError(
    "permanent",
    "FRESHNESS_SOURCE",
    "nothing says where the newest row is: no query here, no heartbeat and no newest: in the inventory",
    {
      hint: "give the check a `query`, or the system a `heartbeat:` or `newest:` in the inventory",
    },
  );
}

function read(session: Session, source: Source): Promise<Newest> {
  return source.via === "heartbeat"
    ? newestBeat(session, source.schema, source.intervalMs)
    : newestByQuery(session, source.query);
}

function judge(newest: Newest, maxAgeMs: number, ctx: StepContext) {
  const t0 = ctx.marks().find((mark) => mark.mark === "T0");
  const against = t0?.wallUs ?? ctx.clock.wallUs();
  const basis = t0 === undefined ? "at the time of reading (no T0 is set)" : "at T0";
  const ageUs = newest.kind === "found" ? against - newest.wallUs : null;
  const ahead = newest.kind === "found" ? newest.wallUs - ctx.clock.wallUs() : 0;
  return {
    kind: "check" as const,
    passed: ageUs !== null && ageUs <= maxAgeMs * 1000 && ahead <= FUTURE_US,
    outputs: { newest: newest.kind === "found" ? formatWallUs(newest.wallUs, 6) : null, ageUs },
    check: {
      title: `newest row by ${printable(newest.what, 140)}`,
      expected: `at most ${formatDurationUs(maxAgeMs * 1000)} old ${basis}`,
      actual:
        newest.kind === "none"
          ? printable(newest.reason, 200)
          : describe(newest.wallUs, against - newest.wallUs, ahead, basis),
      coverage: null,
    },
  };
}

function describe(wallUs: number, ageUs: number, aheadUs: number, basis: string): string {
  const at = `newest is from ${formatWallUs(wallUs)}`;
  if (aheadUs > FUTURE_US) return `${at}, ${formatDurationUs(aheadUs)} in the future: the clocks or the data are wrong`;
  if (ageUs < 0) return `${at}, ${formatDurationUs(-ageUs)} later than T0: the copy holds what was written after it`;
  return `${at}, ${formatDurationUs(ageUs)} old ${basis}`;
}
