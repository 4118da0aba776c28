import { describe, expect, test } from "vitest";
import type { SandboxRef } from "../../../src/drills/sandbox-ref.ts";
import { confine } from "../../../src/sandboxes/process/confine.ts";

const ref: SandboxRef = {
  kind: "process",
  id: "sb-01234567-0123456789ab",
  dir: "/s/sb-01234567-0123456789ab",
  port: 5432,
  fence: "network-namespace",
  uid: 101,
  gid: 104,
  expiresWallUs: 0,
};
const argv = ["/bin/postgres", "-D", "/a b"];
const drop = ["setpriv", "--reuid", "101", "--regid", "104", "--clear-groups", "--no-new-privs"];

describe("the command line of a confined program", () => {
  test("root enters the namespace, then becomes the service user for good", () => {
    const made = confine(ref, argv, { selfUid: 0, setpriv: true, search: false, watchdogPid: 42 });
    expect(made).toEqual({ argv: ["nsenter", "--target", "42", "--net", "--", ...drop, "--", ...argv] });
  });

  test("search is the only capability that is ever left", () => {
    const made = confine({ ...ref, fence: "settings" }, argv, {
      selfUid: 0,
      setpriv: true,
      search: true,
      watchdogPid: 42,
    });
    const search = [
      "--securebits",
      "+no_setuid_fixup",
      "--inh-caps",
      "+dac_read_search",
      "--ambient-caps",
      "+dac_read_search",
    ];
    expect(made).toEqual({ argv: [...drop, ...search, "--", ...argv] });
  });

  test("root without setpriv lets spawn switch the user", () => {
    const made = confine({ ...ref, fence: "settings" }, argv, {
      selfUid: 0,
      setpriv: false,
      search: false,
      watchdogPid: 42,
    });
    expect(made).toEqual({ argv, user: { uid: 101, gid: 104 } });
  });

  test("an ordinary user enters the user namespace with the network namespace and keeps its ids", () => {
    const made = confine(ref, argv, { selfUid: 1000, setpriv: false, search: false, watchdogPid: 42 });
    expect(made).toEqual({
      argv: ["nsenter", "--target", "42", "--net", "--user", "--preserve-credentials", "--", ...argv],
    });
  });

  test("an ordinary user without a namespace runs it as it stands", () => {
    const made = confine({ ...ref, fence: "settings" }, argv, {
      selfUid: 1000,
      setpriv: false,
      search: false,
      watchdogPid: 42,
    });
    expect(made).toEqual({ argv });
  });
});
