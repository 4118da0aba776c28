import { z } from "zod";
import { StepError } from "../../drills/step-error.ts";
import { defineStep, type Step, type StepContext } from "../../engine/step-contract.ts";
import { instant } from "../../support/clock.ts";
import { durationMs } from "../../support/duration.ts";
import { printable } from "../../support/printable.ts";
import type { Redactor } from "../../support/redact.ts";
import { markDisaster } from "../disaster-mark.ts";
import { resolveTexts, textOrSecretSchema } from "../secret-value.ts";
import { type Answer, exchange } from "./exchange.ts";
import { httpUrl } from "./http-url.ts";

const STATUS = /^(?<from>[1-5]\d\d)(?:-(?<to>[1-5]\d\d))?$/u;
const status = z.union([z.int().min(100).max(599), z.string().regex(STATUS, "expected a status or a range: 200-299")]);
const headerName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/u, "expected the name of a header");

const inputSchema = z
  .strictObject({
    method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).default("POST").describe("Default POST."),
    url: httpUrl().describe("Address, without user and password. Redirects are not followed."),
    headers: z
      .record(headerName, textOrSecretSchema)
      .default({})
      .describe("Headers, texts or `{ secret: env:NAME }`: `Authorization: { secret: env:API_AUTHORIZATION }`."),
    json: z.unknown().optional().describe("Body, sent as JSON. Instead of `body`."),
    body: z.string().max(1_000_000).optional().describe("Body as it is. Instead of `json`."),
    expectStatus: z
      .array(status)
      .min(1)
      .max(50)
      .default(["200-299"])
      .describe('Statuses that are success. Default ["200-299"].'),
    timeout: durationMs().prefault("10s").describe("Longest it may take, the answer's body included. Default 10s."),
  })
  .superRefine(({ method, json, body }, context) => {
    const say = (message: string): void => context.addIssue({ code: "custom", message, input: method });
    if (json !== undefined && body !== undefined) say("`json` and `body` exclude each other");
    if ((json ?? body) !== undefined && (method === "GET" || method === "HEAD")) say(`${method} has no body`);
  });

const outputSchema = z.object({
  status: z.int().describe("Of the answer."),
  body: z.string().describe("The first 64 kB of the answer, secrets taken out."),
  cut: z.boolean().describe("The answer is longer than that."),
  json: z.unknown().describe("The answer, where it is JSON, numbers with a fraction as text; else null."),
});

type Input = z.output<typeof inputSchema>;

export interface HttpRequestDeps {
  readonly redactor: Pick<Redactor, "text">;
}

/** One request to a service of the team's own, such as the one that fails over. */
export function httpRequestStep({ redactor }: HttpRequestDeps): Step<typeof inputSchema, typeof outputSchema> {
  return defineStep({
    uses: "http/request",
    summary: "Sends one HTTP request and looks at the status of the answer.",
    role: "action",
    effect: "disruptive",
    idempotent: false,
    with: inputSchema,
    outputs: outputSchema,
    creates: [],
    defaultTimeoutMs: 60_000,
    needsSystem: true,
    async run(input, ctx) {
      const headers = await resolveTexts(input.headers, (ref) => ctx.secret(ref));
      await ctx.requireCurrent();
      const begun = instant(ctx.clock);
      const answer = await send(input, headers, redactor, ctx);
      await markDisaster(begun, answer.done, `${input.method} ${printable(input.url, 200)}`, ctx);
      requireExpected(input, answer);
      const { status: code, body, cut, json } = answer;
      return { kind: "done", outputs: { status: code, body, cut, json } };
    },
    reconcile: async ({ method, url }) => ({
      kind: "unknown",
      message: `${method} ${printable(url, 200)} may have arrived; nobody but that service can say`,
    }),
  });
}

function send(
  input: Input,
  headers: Readonly<Record<string, string>>,
  redactor: HttpRequestDeps["redactor"],
  ctx: StepContext,
): Promise<Answer> {
  const { method, url, timeout } = input;
  const asJson = input.json !== undefined;
  const body = asJson ? JSON.stringify(input.json) : (input.body ?? null);
  const given = asJson ? { "content-type": "application/json", ...lowerCase(headers) } : headers;
  return exchange({ method, url, headers: given, body, timeoutMs: timeout }, redactor, ctx.clock, ctx.signal);
}

/** Names are equal whatever their letters' case (RFC 9110, 5.1): so that a given one replaces ours. */
function lowerCase(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function requireExpected({ method, url, expectStatus }: Input, answer: Answer): void {
  if (expectStatus.some((expected) => covers(expected, answer.status))) return;
  const message = `${method} ${printable(url, 200)} answered ${answer.status}, expected ${expectStatus.join(" or ")}: ${printable(answer.body.trim(), 300)}`;
  const redirect = answer.status >= 300 && answer.status < 400;
  throw new StepError("permanent", "HTTP_STATUS", message, {
    hint: redirect ? "redirects are not followed: name the address that answers" : "the body is in the details",
    details: { status: answer.status, body: answer.body.slice(0, 4000) },
  });
}

function covers(expected: number | string, code: number): boolean {
  const { from, to } = STATUS.exec(String(expected))?.groups ?? {};
  return code >= Number(from) && code <= Number(to ?? from);
}
