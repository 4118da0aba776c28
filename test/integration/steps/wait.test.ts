import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { z } from "zod";
import type { Sessions } from "../../../src/steps/ports/postgres.ts";
import { waitUntilStep } from "../../../src/steps/wait/until.ts";
import { runStep, stepContext } from "../../support/checks-context.ts";
import { type ChecksLab, startChecksLab } from "../../support/checks-lab.ts";
import { httpAnswers, unusedPort } from "../../support/http-answers.ts";
import { containing, matching } from "../../support/pg-matchers.ts";

let lab: ChecksLab;
beforeAll(async () => {
  lab = await startChecksLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

type Input = z.input<ReturnType<typeof waitUntilStep>["with"]>;

async function wait(input: Input, sessions: Sessions = lab.sessions, signal?: AbortSignal) {
  const step = waitUntilStep({ sessions });
  const { outputs } = await runStep(
    step,
    { every: "10ms", ...input },
    stepContext(signal === undefined ? {} : { signal }),
  );
  return outputs;
}

/** Does what the test wants before each look. */
function before(look: (count: number) => Promise<unknown>): Sessions {
  let count = 0;
  return {
    async open(database, options) {
      count += 1;
      await look(count);
      // A server that was started again has another port.
      return lab.sessions.open({ ...database, ...lab.database() }, options);
    },
  };
}

describe("wait/until for a time", () => {
  test("waits so long and not less", async () => {
    const { looks, waitedUs, value } = await wait({ for: "60ms" });
    expect([looks, value]).toEqual([0, null]);
    expect(waitedUs).toBeGreaterThanOrEqual(60_000);
  });

  test("a halt ends it", async () => {
    const waiting = wait({ for: "30d" }, lab.sessions, AbortSignal.timeout(50));
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("wait/until on a query", () => {
  const question = (rest: Partial<Input> = {}): Input => ({
    on: lab.database(),
    query: "select count(*) from arrivals",
    expect: ">= 2",
    ...rest,
  });

  test("looks until the value is as expected; a table that comes later is waited for", async () => {
    const sessions = before(async (count) => {
      if (count === 2) await lab.sql("create table arrivals (id int)");
      if (count > 2) await lab.sql("insert into arrivals values (1)");
    });
    expect(await wait(question(), sessions)).toMatchObject({ looks: 4, value: "2" });
  });

  test("a server that is down is waited for", async () => {
    const sessions = before(async (count) => {
      if (count === 1) await lab.stop("immediate");
      if (count === 3) await lab.start();
    });
    expect(await wait(question({ query: "select 7", expect: 7 }), sessions)).toMatchObject({ looks: 3, value: "7" });
  });

  test("what does not come in time is the subject's fault, with the last answer", async () => {
    const waiting = wait(question({ query: "select 1", expect: "== 2", within: "100ms" }));
    await expect(waiting).rejects.toMatchObject({
      class: "subject",
      code: "WAIT_OVER",
      message: matching(/^waited 100\.0 ms in vain for select 1: last of \d+ looks: 1, expected == 2$/u),
    });
  });

  test("a look that hangs ends at its own deadline, and so does the whole", async () => {
    const slow = wait(
      question({ query: "select pg_sleep(60)::text", expect: "== ''", timeout: "50ms", within: "300ms" }),
    );
    await expect(slow).rejects.toMatchObject({ code: "WAIT_OVER" });
    const hanging: Sessions = {
      open: (_database, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        }),
    };
    await expect(wait(question({ timeout: "50ms", within: "200ms" }), hanging)).rejects.toMatchObject({
      code: "WAIT_OVER",
      message: containing("no answer within 50 ms"),
    });
  });

  test.each([
    ["delete from pg_class returning 1", "SQL_SYNTAX"],
    ["select 1; select 2", "SQL_SYNTAX"],
    ["select 1, 2", "SQL_MANY_COLUMNS"],
    ["select nextval('pg_catalog.numbers')", "WAIT_OVER"],
  ])("%s is %s, and what no waiting mends is told at once", async (query, code) => {
    await expect(wait(question({ query, within: code === "WAIT_OVER" ? "50ms" : "10m" }))).rejects.toMatchObject({
      code,
    });
  });

  test("changes nothing", async () => {
    await lab.sql("create sequence numbers");
    await expect(wait(question({ query: "select nextval('numbers')", expect: "> 0" }))).rejects.toMatchObject({
      code: "SQL_REFUSED",
    });
    expect(await lab.sql("select is_called from numbers")).toEqual([{ is_called: false }]);
  });

  test("a halt ends it", async () => {
    const waiting = wait(question({ query: "select 1", expect: 2 }), lab.sessions, AbortSignal.timeout(100));
    await expect(waiting).rejects.toMatchObject({ name: "TimeoutError" });
  });
});

describe("wait/until on an address", () => {
  test("looks until the status is the one asked for; a redirect is none", async () => {
    const statuses = [503, 302, 200];
    await using server = await httpAnswers((_request, response) => {
      response.writeHead(statuses.shift() ?? 500, { location: "/elsewhere" }).end("body");
    });
    expect(await wait({ url: `${server.url}/primary` })).toMatchObject({ looks: 3, value: "200" });
    expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual(Array(3).fill("GET /primary"));
  });

  test("nobody there, and nobody who answers, is waited for and told", async () => {
    await expect(wait({ url: `http://127.0.0.1:${await unusedPort()}/`, within: "100ms" })).rejects.toMatchObject({
      class: "subject",
      code: "WAIT_OVER",
      message: containing("ECONNREFUSED"),
    });
    await using silent = await httpAnswers(() => undefined);
    await expect(wait({ url: silent.url, timeout: "50ms", within: "200ms" })).rejects.toMatchObject({
      message: containing("no answer within 50 ms"),
    });
  });
});

describe("what to wait for", () => {
  const on = {
    engine: "postgresql" as const,
    sandbox: null,
    host: "h",
    port: 1,
    user: "u",
    database: "d",
    password: null,
  };
  test.each([
    [{}, "exactly one"],
    [{ for: "1s", url: "http://host/" }, "exactly one"],
    [{ for: "1s", on, query: "select 1", expect: 1 }, "exactly one"],
    [{ on, query: "select 1" }, "needs `query` and `expect`"],
    [{ for: "1s", expect: "> 1" }, "need `on`"],
    [{ url: "http://user:password@host/" }, "PLAINTEXT_SECRET"],
  ])("%j is refused", (input, message) => {
    expect(() => waitUntilStep({ sessions: lab.sessions }).with.parse(input)).toThrow(message);
  });
});
