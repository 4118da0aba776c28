import { z } from "zod";
import { durationMs } from "../support/duration.ts";
import { hasLogin } from "../support/url-login.ts";
import { expectation } from "./expectation.ts";
import { lineSchema } from "./names.ts";
import { type StopCondition, type StopLook, titleOfLook } from "./stop-condition.ts";
import { hasTemplate } from "./template.ts";

/** `guardrails.stopWhen` as it is written. */
const ONE_KIND =
  "STOP_CONDITION: a stop condition is looked at in one way\nwrite query and expect, or url and status, or prometheus: { url, query, expect }";
const TEMPLATE = "TEMPLATE_NOT_ALLOWED: a stop condition takes no templates\nwrite the value";
const NO_LOGIN =
  "PLAINTEXT_SECRET: a URL must not hold a password\nlet the probed service answer without one, or put a proxy before it";

const query = z
  .string()
  .min(1, "EMPTY_VALUE: the query is empty")
  .max(10_000)
  .refine((text) => !hasTemplate(text), TEMPLATE);
const address = z
  .url({ protocol: /^https?$/u })
  .max(2000)
  .refine((text) => !hasTemplate(text), TEMPLATE)
  .refine((text) => !hasLogin(text), NO_LOGIN);

const prometheus = z
  .strictObject({
    url: address.describe("Base URL of the server; /api/v1/query is asked."),
    query: query.describe("Instant query. Every series it gives must meet the expectation."),
    expect: expectation().describe("What must hold, as of a check."),
  })
  .describe("A value of Prometheus.");

export const stopConditionSchema = z
  .strictObject({
    title: lineSchema().optional().describe("For people; the query or URL when absent."),
    query: query.optional().describe("One value by SQL, on the path of the system's clients."),
    expect: expectation().optional().describe("What must hold of the query's value, as of a check."),
    url: address.optional().describe("An HTTP address that must answer with the status."),
    status: z.int().min(100).max(599).optional().describe("Of the URL. Default 200."),
    prometheus: prometheus.optional(),
    every: durationMs().prefault("1s").describe("From one look to the next."),
    for: z.int().min(1).max(1000).default(1).describe("Breaches in a row that stop the run."),
    timeout: durationMs().prefault("2s").describe("Deadline of one look."),
    whenUnknown: z
      .enum(["continue", "stop"])
      .default("continue")
      .describe("No answer in time: goes on, or counts as a breach."),
  })
  .superRefine((spec, context) => {
    if (lookOf(spec) === null) context.addIssue({ code: "custom", message: ONE_KIND, input: spec });
  })
  .describe("Something that must hold while the drill disrupts: when it does not, the run stops into its cleanup.");
type StopConditionSpec = z.output<typeof stopConditionSchema>;

/** Null: the fields of no kind, of several, or only a part of one. */
function lookOf(spec: StopConditionSpec): StopLook | null {
  const { query: sql, expect, url, status, prometheus: metric } = spec;
  const kinds = [sql ?? expect, url ?? status, metric].filter((field) => field !== undefined);
  if (kinds.length !== 1) return null;
  if (sql !== undefined && expect !== undefined) return { kind: "sql", query: sql, expect: expect.text };
  if (url !== undefined) return { kind: "http", url, status: status ?? 200 };
  if (metric !== undefined)
    return { kind: "prometheus", url: metric.url, query: metric.query, expect: metric.expect.text };
  return null;
}

/** As the plan keeps them. */
export function stopConditions(specs: readonly StopConditionSpec[]): readonly StopCondition[] {
  return specs.flatMap((spec) => {
    const look = lookOf(spec);
    if (look === null) return [];
    const { title, every, timeout, whenUnknown } = spec;
    return [
      {
        title: title ?? titleOfLook(look),
        look,
        everyMs: every,
        breaches: spec.for,
        timeoutMs: timeout,
        whenUnknown,
      },
    ];
  });
}
