import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Endpoint } from "../../../src/drills/inventory.ts";
import type { StopLook } from "../../../src/drills/stop-condition.ts";
import { createStopProbe } from "../../../src/stop-conditions/stop-probe.ts";
import { systemClock } from "../../../src/support/system-clock.ts";
import { systemWith } from "../../support/checks-context.ts";
import { condition } from "../../support/engine-strike.ts";
import { type HaCluster, startHaCluster } from "../../support/ha-cluster.ts";
import { sessions } from "../../support/pg-machine.ts";

const probe = createStopProbe({ sessions, clock: systemClock() });
const look = (what: StopLook, system = systemWith({}), signal = AbortSignal.timeout(60_000)) =>
  probe.evaluate(condition({ look: what, timeoutMs: 20_000 }), system, signal);

interface Answer {
  readonly status: number;
  readonly body: string;
}

let server: Server;
let base = "";
const asked: string[] = [];
const answers = new Map<string, Answer>();
beforeAll(async () => {
  server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://localhost");
    asked.push(decodeURIComponent(url.search));
    const { status, body } = answers.get(url.pathname) ?? { status: 404, body: "" };
    response.writeHead(status, status === 302 ? { location: "/well" } : {}).end(body);
  });
  base = await listening(server);
  answers.set("/well", { status: 200, body: "ok" });
  answers.set("/moved", { status: 302, body: "" });
});
afterAll(() => void server.close());

async function listening(on: Server): Promise<string> {
  await new Promise<void>((resolve) => on.listen(0, "127.0.0.1", resolve));
  const address = on.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

describe("by HTTP", () => {
  test.each([
    ["/well", 200, "holds", "status 200"],
    ["/ill", 200, "breached", "status 404"],
    ["/moved", 200, "breached", "status 302"],
    ["/moved", 302, "holds", "status 302"],
  ] as const)("%s expected to answer %i: %s", async (path, status, kind, seen) => {
    expect(await look({ kind: "http", url: `${base}${path}`, status })).toEqual({ kind, seen });
  });

  test("nobody listens: that says nothing", async () => {
    const gone = createServer();
    const url = await listening(gone);
    await new Promise((resolve) => gone.close(resolve));
    const address = url.replace("http://", "");
    expect(await look({ kind: "http", url, status: 200 })).toEqual({
      kind: "unknown",
      seen: `connect ECONNREFUSED ${address}`,
    });
  });
});

const vector = (...values: readonly string[]): string =>
  JSON.stringify({
    status: "success",
    data: { resultType: "vector", result: values.map((value) => ({ metric: {}, value: [1.5, value] })) },
  });

describe("by Prometheus", () => {
  test.each([
    ["all series meet it", vector("1", "2.5"), "holds", "1"],
    ["one series does not", vector("1", "0"), "breached", "0"],
    ["no series", vector(), "unknown", "no series"],
    ["not a number", vector("NaN"), "unknown", "NaN"],
    ["a scalar", '{"status":"success","data":{"resultType":"scalar","result":[1,"3"]}}', "holds", "3"],
    ["an error", '{"status":"error","errorType":"bad_data","error":"parse error"}', "unknown", "parse error"],
    ["something else", "<html>", "unknown", "status 200 and no answer of a Prometheus server"],
    ["too much", " ".repeat(1_100_000), "unknown", "an answer of over 1048576 bytes"],
  ] as const)("%s", async (_what, body, kind, seen) => {
    answers.set("/prom/api/v1/query", { status: 200, body });
    const query = 'up{job="orders & more"}';
    expect(await look({ kind: "prometheus", url: `${base}/prom/`, query, expect: "> 0.5" })).toEqual({ kind, seen });
    expect(asked.at(-1)?.replaceAll("+", " ")).toBe(`?query=${query}`);
  });
});

describe("by SQL, on the path of the system's clients", () => {
  let ha: HaCluster;
  beforeAll(async () => {
    ha = await startHaCluster();
  });
  afterAll(() => ha[Symbol.asyncDispose]());

  const sql = (query: string, wanted: string, hosts: readonly Endpoint[] = ha.system.client.hosts) =>
    look({ kind: "sql", query, expect: wanted }, { ...ha.system, client: { hosts, targetSessionAttrs: "read-write" } });

  test.each([
    ["select 5", "> 3", "holds", "5"],
    ["select 2 -- few", "> 3", "breached", "2"],
    ["select null::int", "> 3", "unknown", "NULL"],
    ["select 1, 2", "1", "unknown", "1 rows of 2 columns, not one value"],
    ["select 1 where false", "1", "unknown", "0 rows of no columns, not one value"],
    ["select generate_series(1, 9)", "1", "unknown", "several rows of 1 columns, not one value"],
  ] as const)("%s, expected %s: %s", async (query, expected, kind, seen) => {
    expect(await sql(query, expected)).toEqual({ kind, seen });
  });

  test("a standby is passed over, as clients that write pass it over", async () => {
    const hosts = ha.system.client.hosts.toReversed();
    const port = ha.system.nodes[0]?.endpoint.port;
    expect(await sql("select current_setting('port')", `== ${port}`, hosts)).toMatchObject({ kind: "holds" });
    expect(await sql("select 1", "1", hosts.slice(0, 1))).toMatchObject({ kind: "unknown" });
  });

  test("a host that is gone leaves its turn to the next", async () => {
    const hosts = [{ host: "127.0.0.1", port: 1 }, ...ha.system.client.hosts];
    expect(await sql("select 1", "1", hosts)).toEqual({ kind: "holds", seen: "1" });
  });

  test("it can change nothing: neither by a statement of its own nor by a second one", async () => {
    for (const query of ["create table t (i int)", "select 1) q(v); create table t (i int); select (1"])
      expect(await sql(query, "1")).toMatchObject({ kind: "unknown" });
    await using session = await ha.session("a");
    expect(await session.query("select 1 from pg_class where relname = 't'")).toEqual([]);
  });

  test("a query that does not end is given up when it is told to", async () => {
    const given = AbortSignal.timeout(300);
    await expect(
      look({ kind: "sql", query: "select pg_sleep(60)", expect: "1" }, ha.system, given),
    ).rejects.toMatchObject({ name: "TimeoutError" });
  });
});
