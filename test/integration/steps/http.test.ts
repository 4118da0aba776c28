import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { z } from "zod";
import { httpRequestStep } from "../../../src/steps/http/request.ts";
import { createRedactor } from "../../../src/support/redact.ts";
import { runStep } from "../../support/checks-context.ts";
import { drillContext, type DrillContextOptions } from "../../support/drill-context.ts";
import { type HttpAnswers, httpAnswers, rawAnswers, type Received, unusedPort } from "../../support/http-answers.ts";
import { t0 } from "../../support/traffic-fake.ts";
import { containing } from "../../support/pg-matchers.ts";

let server: HttpAnswers;
let answer: { status: number; body: string; headers?: Record<string, string> } | "silence" | "trickle";
beforeEach(async () => {
  answer = { status: 200, body: "" };
  server = await httpAnswers((_request: Received, response) => {
    if (answer === "trickle") response.writeHead(200).write("a");
    else if (answer !== "silence") response.writeHead(answer.status, answer.headers).end(answer.body);
  });
});
afterEach(() => server[Symbol.asyncDispose]());

type Input = z.input<ReturnType<typeof httpRequestStep>["with"]>;

function request(input: Partial<Input>, options: DrillContextOptions = {}) {
  const redactor = createRedactor();
  redactor.add("s3cr3t-token");
  const ctx = drillContext({ secrets: { "env:TOKEN": "s3cr3t-token", "env:BROKEN": "a\nb" }, ...options });
  return { ctx, result: runStep(httpRequestStep({ redactor }), { url: `${server.url}/failover`, ...input }, ctx) };
}

describe("http/request", () => {
  test("sends JSON by POST and gives status, body and JSON of the answer", async () => {
    answer = { status: 202, body: '{"leader": "db2", "lag": 0.5}' };
    const { result } = request({ json: { to: "db2" }, headers: { "X-Drill": "yes" } });
    expect((await result).outputs).toEqual({
      status: 202,
      body: '{"leader": "db2", "lag": 0.5}',
      cut: false,
      json: { leader: "db2", lag: "0.5" },
    });
    expect(server.received).toMatchObject([
      {
        method: "POST",
        path: "/failover",
        body: '{"to":"db2"}',
        headers: { "content-type": "application/json", "x-drill": "yes" },
      },
    ]);
  });

  test("a given content type is the one that is sent", async () => {
    await request({ json: [], headers: { "Content-Type": "application/merge-patch+json" }, method: "PATCH" }).result;
    expect(server.received).toMatchObject([{ headers: { "content-type": "application/merge-patch+json" } }]);
  });

  test("a secret header arrives, and is taken out of an answer that repeats it", async () => {
    answer = { status: 200, body: "you sent s3cr3t-token" };
    const { result } = request({ headers: { Authorization: { secret: "env:TOKEN" } }, body: "x" });
    expect((await result).outputs).toMatchObject({ body: "you sent [redacted]", json: null });
    expect(server.received).toMatchObject([{ headers: { authorization: "s3cr3t-token" }, body: "x" }]);
  });

  test("a secret that is no header value is told without it", async () => {
    const { result } = request({ headers: { Authorization: { secret: "env:BROKEN" } } });
    const error: unknown = await result.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "HTTP_HEADER", message: "the value of header Authorization cannot be sent" });
    expect(server.received).toEqual([]);
  });

  test("another status is an error that shows the answer", async () => {
    answer = { status: 503, body: "no quorum" };
    await expect(request({}).result).rejects.toMatchObject({
      class: "permanent",
      code: "HTTP_STATUS",
      message: `POST ${server.url}/failover answered 503, expected 200-299: no quorum`,
    });
    expect((await request({ expectStatus: [200, "500-503"] }).result).outputs).toMatchObject({ status: 503 });
  });

  test("a redirect is not followed", async () => {
    answer = { status: 302, body: "", headers: { location: `${server.url}/elsewhere` } };
    await expect(request({}).result).rejects.toMatchObject({
      code: "HTTP_STATUS",
      hint: containing("redirects are not followed"),
    });
    expect(server.received.map(({ path }) => path)).toEqual(["/failover"]);
  });

  test("a long answer is cut, a secret at the cut taken out first", async () => {
    answer = { status: 200, body: `${"x".repeat(64 * 1024 - 5)}s3cr3t-token${"y".repeat(1_000_000)}` };
    const { body, cut, json } = (await request({}).result).outputs;
    expect([cut, json, body.length]).toEqual([true, null, 64 * 1024]);
    expect(body).not.toContain("s3cr3");
  });

  test.each(["silence", "trickle"] as const)("%s ends at the request's own deadline", async (kind) => {
    answer = kind;
    await expect(request({ timeout: "200ms" }).result).rejects.toMatchObject({
      class: "timeout",
      code: "HTTP_NO_ANSWER",
      message: `POST ${server.url}/failover: no answer within 200 ms`,
    });
  });

  test("a port that nobody listens on may be tried again; a broken answer not", async () => {
    const url = `http://127.0.0.1:${await unusedPort()}/`;
    await expect(request({ url }).result).rejects.toMatchObject({ class: "transient", code: "HTTP_NO_ANSWER" });
    await using garbage = await rawAnswers("no http at all\r\n\r\n");
    await expect(request({ url: garbage.url }).result).rejects.toMatchObject({
      class: "permanent",
      code: "HTTP_NO_ANSWER",
    });
  });

  test("a halt ends it", async () => {
    answer = "silence";
    const halt = new AbortController();
    const { result } = request({ timeout: "10m" }, { signal: halt.signal });
    halt.abort(new Error("halted"));
    await expect(result).rejects.toThrow("halted");
  });

  test("in the disaster phase its time is T0, unless an earlier step has set it", async () => {
    const { ctx, result } = request({}, { phase: "disaster" });
    await result;
    expect(ctx.recorded.marks).toMatchObject([{ mark: "T0", note: `POST ${server.url}/failover` }]);
    const second = request({}, { phase: "disaster", marks: [t0(1)] });
    await second.result;
    expect(second.ctx.recorded.marks).toEqual([t0(1)]);
  });

  test("nothing is sent by an orchestrator that lost the system", async () => {
    const taken = (): Promise<never> => Promise.reject(new Error("taken over"));
    await expect(request({}, { requireCurrent: taken }).result).rejects.toThrow("taken over");
    expect(server.received).toEqual([]);
  });

  test.each([
    [{ url: "ftp://host/" }, "Invalid URL"],
    [{ url: "http://user:password@host/" }, "PLAINTEXT_SECRET"],
    [{ json: {}, body: "x" }, "exclude each other"],
    [{ method: "GET" as const, body: "x" }, "GET has no body"],
    [{ headers: { "a b": "x" } }, "name of a header"],
    [{ headers: { A: { secret: "hunter2" } } }, "PLAINTEXT_SECRET"],
    [{ expectStatus: ["2xx"] }, "200-299"],
  ])("%j is refused", (input, message) => {
    const step = httpRequestStep({ redactor: createRedactor() });
    expect(() => step.with.parse({ url: "http://host/", ...input })).toThrow(message);
  });
});
