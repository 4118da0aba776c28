import { describe, expect, test } from "vitest";
import { parsePostmasterOpts } from "../../../src/databases/postgres/node/postmaster-opts.ts";
import { faultLocator, faultScene, faultSystem, readFaultRef } from "../../../src/drills/fault-ref.ts";
import { newFaultId, parseFaultId } from "../../../src/faults/fault-id.ts";
import { iptablesRules } from "../../../src/faults/iptables.ts";
import { nftRules } from "../../../src/faults/nftables.ts";
import { systemWith } from "../../support/checks-context.ts";

describe("postmaster.opts", () => {
  test("gives the program and its arguments, spaces and all", () => {
    const text =
      '/opt/my pg/bin/postgres "-D" "/srv/my data" "-c" "listen_addresses=127.0.0.1" "-c" "application_name=it\'s"\n';
    const args = ["-D", "/srv/my data", "-c", "listen_addresses=127.0.0.1", "-c", "application_name=it's"];
    expect(parsePostmasterOpts(text)).toEqual(["/opt/my pg/bin/postgres", ...args]);
    expect(parsePostmasterOpts("/usr/bin/postgres\n")).toEqual(["/usr/bin/postgres"]);
  });

  test.each([
    ["empty", ""],
    ["a relative program", 'postgres "-D" "/srv"\n'],
    ["a quote within an argument", '/bin/postgres "-c" "a="b""\n'],
    ["words without quotes", '/bin/postgres "-D" /srv\n'],
    ["two lines", '/bin/postgres "-D" "/srv"\n/bin/sh "-c" "id"\n'],
  ])("%s is not guessed at", (_what, text) => {
    expect(parsePostmasterOpts(text)).toBe(null);
  });
});

describe("packet rules", () => {
  const drop = { id: "firedrill_fd-x_run-1_00000000", port: 5432 };

  test("cut what comes in for the port and what goes out from it, and no connection to another server's same port", () => {
    const rules = nftRules({ ...drop, addresses: [] });
    expect(rules).toContain("hook input priority -300; policy accept;\n    tcp dport 5432 drop");
    expect(rules).toContain("hook output priority -300; policy accept;\n    tcp sport 5432 drop");
    expect(rules.match(/drop/gu)).toHaveLength(2);
  });

  test("name the server's address where it has one of its own", () => {
    const addresses = [
      { family: 4, address: "10.0.0.5" },
      { family: 6, address: "::1" },
    ] as const;
    expect(nftRules({ ...drop, addresses })).toMatch(
      /ip daddr 10\.0\.0\.5 tcp dport 5432 drop\s+ip6 daddr ::1 tcp dport 5432 drop/u,
    );
    const lines = iptablesRules({ ...drop, addresses }).map(({ family, args }) => `${family} ${args.join(" ")}`);
    const comment = `-m comment --comment ${drop.id} -j DROP`;
    expect(lines).toEqual([
      `4 -I INPUT 1 -d 10.0.0.5 -p tcp --dport 5432 ${comment}`,
      `4 -I OUTPUT 1 -s 10.0.0.5 -p tcp --sport 5432 ${comment}`,
      `6 -I INPUT 1 -d ::1 -p tcp --dport 5432 ${comment}`,
      `6 -I OUTPUT 1 -s ::1 -p tcp --sport 5432 ${comment}`,
    ]);
  });
});

describe("the name of a fault", () => {
  test("says whose it is, whatever the run is called", () => {
    const id = newFaultId("fd-abc", "20261121-031500-k3f9", (count) => new Uint8Array(count).fill(7));
    expect(id).toBe("firedrill_fd-abc_20261121-031500-k3f9_07070707");
    expect(parseFaultId(id)).toEqual({ installation: "fd-abc", run: "20261121-031500-k3f9" });
    const odd = newFaultId("fd-abc", 'x"; flush ruleset_', (count) => new Uint8Array(count));
    expect(parseFaultId(odd)).toEqual({ installation: "fd-abc", run: "x---flush-ruleset-" });
  });

  test.each(["", "filter", "firedrill_fd-abc", "firedrill_a_b_c_00000000", "firedrill_a_b_0000000g"])(
    "%o is none of ours",
    (id) => {
      expect(parseFaultId(id)).toBe(null);
    },
  );
});

test("a fault's locator brings back the system as far as it must be asked, and keeps nothing else of the inventory", () => {
  const system = systemWith({
    credentials: { user: "drill", password: "env:PGPASSWORD", database: "orders", replication: null },
    extra: { note: "not for the ledger" },
    nodes: [
      {
        name: "a",
        endpoint: { host: "db1", port: 5432 },
        dataDir: "/srv/a",
        bin: null,
        start: ["systemctl", "start", "postgresql"],
        stop: null,
        supervisorPidFile: null,
        patroni: null,
      },
    ],
  });
  const ref = { type: "kill", system: faultScene(system), node: "a", role: "primary", supervisor: false } as const;
  const locator = faultLocator(ref);
  expect(JSON.stringify(locator)).not.toContain("not for the ledger");
  const read = readFaultRef(locator);
  expect(read).toEqual(ref);
  expect(read === null ? null : faultSystem(read)).toMatchObject({
    nodes: system.nodes,
    credentials: system.credentials,
  });
  expect(readFaultRef({ type: "kill" })).toBe(null);
  expect(readFaultRef({ ...locator, type: "rm -rf" })).toBe(null);
});
