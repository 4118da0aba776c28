import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import { expectation } from "../../drills/expectation.ts";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { deadlineAfter } from "../../support/deadline.ts";
import { durationMs } from "../../support/duration.ts";
import { formatDurationUs } from "../../support/format.ts";
import { printable } from "../../support/printable.ts";
import { httpUrl } from "../http/http-url.ts";
import type { Sessions } from "../ports/postgres.ts";
import { lookAtQuery, lookAtUrl, type Look } from "./look.ts";
import { timeoutFor } from "../timeout-for.ts";

const WITHIN_MS = 300_000;

const inputSchema = z
  .strictObject({
    for: durationMs().optional().describe("Simply so long. Instead of `on` or `url`."),
    on: databaseRefSchema.optional().describe("Until a query on this database gives what is expected."),
    query: z
      .string()
      .min(1)
      .max(20_000)
      .optional()
      .describe("With `on`: one SELECT that gives one row with one column."),
    expect: expectation()
      .optional()
      .describe("With `on`: what the value must be, such as `> 0`, `== 'open'`, `between 1 and 10`."),
    url: httpUrl()
      .optional()
      .describe("Until a GET on this address answers with `status`. Redirects are not followed."),
    status: z.int().min(100).max(599).default(200).describe("With `url`: the status that is waited for. Default 200."),
    every: durationMs().prefault("250ms").describe("Time between two looks. Default 250ms."),
    timeout: durationMs().prefault("5s").describe("Longest a single look may take. Default 5s."),
    within: durationMs().prefault("5m").describe("Longest wait for `on` and `url`. Default 5m."),
  })
  .superRefine((input, context) => {
    const message = problemOf(input);
    if (message !== null) context.addIssue({ code: "custom", message, input });
  });

const outputSchema = z.object({
  looks: z.int().describe("How often it was looked."),
  waitedUs: z.int().describe("How long it took, microseconds."),
  value: z.string().nullable().describe("The last answer: the query's value, or the status; null for `for`."),
});

type Input = z.output<typeof inputSchema>;
type Condition =
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "looks"; readonly what: string; readonly look: (signal: AbortSignal) => Promise<Look> };

function problemOf(input: Pick<Input, "for" | "on" | "url" | "query" | "expect">): string | null {
  const given = [input.for, input.on, input.url].filter((each) => each !== undefined).length;
  if (given !== 1) return "exactly one of `for`, `on` and `url` must be given";
  const asks = input.query !== undefined && input.expect !== undefined;
  if (input.on !== undefined && !asks) return "`on` needs `query` and `expect`";
  if (input.on === undefined && (input.query !== undefined || input.expect !== undefined))
    return "`query` and `expect` need `on`";
  return null;
}

/** Waits for a time, for a value in a database, or for an answer of a service. Changes nothing. */
export function waitUntilStep(deps: { readonly sessions: Sessions }): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "wait/until",
    summary: "Waits for a time, or until a query or an address answers as expected.",
    role: "action",
    effect: "read",
    idempotent: true,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    // A guard only: `for` and `within` end the wait, and each look has a deadline of its own.
    defaultTimeoutMs: 24 * 60 * 60_000,
    timeoutFor: timeoutFor(["for", "within"], WITHIN_MS),
    needsSystem: false,
    async run(input, ctx) {
      const beginUs = ctx.clock.monoUs();
      const condition = conditionOf(input, deps.sessions);
      const seen = condition.kind === "time" ? await sleep(condition.ms, ctx) : await untilMet(condition, input, ctx);
      return { kind: "done", outputs: { ...seen, waitedUs: ctx.clock.monoUs() - beginUs } };
    },
  });
}

function conditionOf(input: Input, sessions: Sessions): Condition {
  const { on, query, expect, url, status, timeout } = input;
  if (input.for !== undefined) return { kind: "time", ms: input.for };
  if (url !== undefined) return { kind: "looks", what: url, look: (signal) => lookAtUrl(url, status, signal) };
  if (on !== undefined && query !== undefined && expect !== undefined) {
    const question = { on, query, expect, timeoutMs: timeout };
    return { kind: "looks", what: query, look: (signal) => lookAtQuery(sessions, question, signal) };
  }
  throw new StepError("permanent", "WAIT_CONDITION", problemOf(input) ?? "there is nothing to wait for");
}

interface Seen {
  readonly looks: number;
  readonly value: string | null;
}

async function sleep(ms: number, ctx: StepContext): Promise<Seen> {
  const endUs = ctx.clock.monoUs() + ms * 1000;
  // Timers of the runtime may fire a little early.
  for (let leftUs = ms * 1000; leftUs > 0; leftUs = endUs - ctx.clock.monoUs())
    await delay(Math.min(Math.ceil(leftUs / 1000), LONGEST_SLEEP_MS), undefined, { signal: ctx.signal });
  return { looks: 0, value: null };
}

const LONGEST_SLEEP_MS = 24 * 60 * 60_000;

async function untilMet(
  { what, look }: Extract<Condition, { readonly kind: "looks" }>,
  input: Input,
  ctx: StepContext,
): Promise<Seen> {
  const over = deadlineAfter(input.within);
  const until = AbortSignal.any([ctx.signal, over]);
  let last: Look = { kind: "unmet", saw: "not looked at", value: null };
  for (let looks = 1; ; looks += 1) {
    const looked = await lookOnce(look, input.timeout, until);
    ctx.signal.throwIfAborted();
    if (looked !== null) last = looked;
    if (last.kind === "met") return { looks, value: last.value };
    // When the time is over `delay` rejects at once.
    await delay(input.every, undefined, { signal: until }).catch(() => ctx.signal.throwIfAborted());
    if (over.aborted) throw waitOver(what, last.saw, looks, input.within);
  }
}

/** Null when the whole wait was over before this look had an answer. */
async function lookOnce(
  look: (signal: AbortSignal) => Promise<Look>,
  timeoutMs: number,
  until: AbortSignal,
): Promise<Look | null> {
  const own = deadlineAfter(timeoutMs);
  try {
    return await look(AbortSignal.any([until, own]));
  } catch (error) {
    if (own.aborted) return { kind: "unmet", saw: `no answer within ${timeoutMs} ms`, value: null };
    if (until.aborted) return null;
    throw error;
  }
}

function waitOver(what: string, saw: string, looks: number, withinMs: number): StepError {
  const limit = formatDurationUs(withinMs * 1000);
  const message = `waited ${limit} in vain for ${printable(what.replaceAll(/\s+/gu, " ").trim(), 200)}: last of ${looks} looks: ${printable(saw, 200)}`;
  return new StepError("subject", "WAIT_OVER", message, { hint: "raise `within`, if it may take longer" });
}
