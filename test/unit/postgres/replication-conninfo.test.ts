import { describe, expect, test } from "vitest";
import { formatConninfo, parseConninfo } from "../../../src/databases/postgres/conninfo.ts";
import { standbyConninfo } from "../../../src/databases/postgres/standby-conninfo.ts";
import type { NodeSpec, SystemSnapshot } from "../../../src/drills/inventory.ts";
import { systemWith } from "../../support/checks-context.ts";
import { matching, objectWith } from "../../support/cli-matchers.ts";

const node = (name: string, port: number): NodeSpec => ({
  name,
  endpoint: { host: "10.0.0.7", port },
  dataDir: null,
  bin: null,
  start: null,
  stop: null,
  supervisorPidFile: null,
  patroni: null,
});
const credentials = (part: Partial<SystemSnapshot["credentials"]>): SystemSnapshot =>
  systemWith({ credentials: { user: "app", password: null, database: null, replication: null, ...part } });

describe("a connection string", () => {
  test("is read with quotes, blanks and escapes, and written so that it is read the same", () => {
    const pairs = parseConninfo(String.raw`host = '/tmp/a b' user=o\'neil  application_name='it\'s \\ b' port=5432`);
    expect([...(pairs ?? [])]).toEqual([
      ["host", "/tmp/a b"],
      ["user", "o'neil"],
      ["application_name", String.raw`it's \ b`],
      ["port", "5432"],
    ]);
    expect(parseConninfo(formatConninfo(pairs ?? new Map()))).toEqual(pairs);
    expect(parseConninfo(formatConninfo(new Map([["password", ""]])))).toEqual(new Map([["password", ""]]));
  });

  test("is not understood when it is a URI or has a slip", () => {
    expect(parseConninfo("postgresql://a:b@c/d")).toBeNull();
    expect(parseConninfo("host=a port")).toBeNull();
  });
});

describe("what a standby follows with", () => {
  const login = { replication: { user: "repl", passfile: "/var/lib/pg pass" } };

  test("is the new primary's endpoint with the inventory's login; TLS and its own name stay", () => {
    const former = "host=old hostaddr=10.0.0.1 port=1 user=x password=y sslmode=verify-full application_name=sync1";
    expect(standbyConninfo(credentials(login), node("b", 5), node("a", 6), former)).toBe(
      "host=10.0.0.7 port=6 user=repl passfile='/var/lib/pg pass' sslmode=verify-full application_name=sync1",
    );
  });

  test("bears the node's name where it had none", () => {
    expect(standbyConninfo(credentials(login), node("b", 5), node("a", 6), null)).toContain("application_name=b");
  });

  test("keeps its own login where the inventory has none, but never copies a password", () => {
    const keeps = standbyConninfo(credentials({}), node("b", 5), node("a", 6), "user=own passfile=/p");
    expect(keeps).toBe("host=10.0.0.7 port=6 user=own passfile=/p application_name=b");
    const copies = () => standbyConninfo(credentials({}), node("b", 5), node("a", 6), "user=own password=hidden");
    expect(copies).toThrow(objectWith({ code: "FOLLOW_PASSWORD", message: matching(/^(?!.*hidden)/u) }));
  });
});
