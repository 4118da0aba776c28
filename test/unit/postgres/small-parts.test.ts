import { describe, expect, it } from "vitest";
import { readBackupMessage } from "../../../src/databases/postgres/backup/copy-protocol.ts";
import { parseBinaryVersion } from "../../../src/databases/postgres/binary-version.ts";
import { quoteIdentifier, quoteLiteral, quoteSetting } from "../../../src/databases/postgres/quote.ts";
import { scramVerifier } from "../../../src/databases/postgres/recovery/scram-verifier.ts";
import { connectError, queryError } from "../../../src/databases/postgres/session-errors.ts";

describe("the version of a server", () => {
  it.each([
    ["postgres (PostgreSQL) 18.4\n", { version: "18.4", major: 18 }],
    ["postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", { version: "15.18", major: 15 }],
    ["postgres (PostgreSQL) 19devel\n", { version: "19devel", major: 19 }],
    ["postgres (EnterpriseDB) 16.2.0\n", { version: "16.2.0", major: 16 }],
    ["pg_ctl (PostgreSQL) 15.18\n", null],
    ["", null],
  ])("%j", (output, expected) => {
    expect(parseBinaryVersion(output)).toEqual(expected);
  });
});

describe("quoting", () => {
  it("cannot be broken out of", () => {
    expect(quoteIdentifier('a"; drop')).toBe('"a""; drop"');
    expect(quoteLiteral("it's")).toBe("'it''s'");
    expect(quoteLiteral("a\\'b")).toBe(" E'a\\\\''b'");
    expect(quoteSetting("it's a \\")).toBe("'it''s a \\\\'");
  });
});

describe("messages of a base backup", () => {
  it("are told by their first byte", () => {
    expect(readBackupMessage(Buffer.from("nbase.tar\0\0"))).toEqual({
      kind: "archive",
      name: "base.tar",
      tablespace: "",
    });
    expect(readBackupMessage(Buffer.from("n16385.tar\0/space\0"))).toEqual({
      kind: "archive",
      name: "16385.tar",
      tablespace: "/space",
    });
    expect(readBackupMessage(Buffer.from("m"))).toEqual({ kind: "manifest" });
    expect(readBackupMessage(Buffer.from("dxyz"))).toEqual({ kind: "data", bytes: Buffer.from("xyz") });
    expect(readBackupMessage(Buffer.from([0x70, 0, 0, 0, 0, 0, 0, 1, 0]))).toEqual({
      kind: "progress",
      doneBytes: 256,
    });
    expect(readBackupMessage(Buffer.from("?"))).toBeUndefined();
  });
});

describe("a password", () => {
  it("is stored as the server itself would (RFC 7677, its example's password and salt)", () => {
    const verifier = scramVerifier("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
    expect(verifier).toBe(
      "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    );
  });
});

describe("errors of a server", () => {
  const fromServer = (code: string, message: string): Error =>
    Object.assign(new Error(message), { code, severity: "ERROR", detail: "Key (id)=(4711)" });
  const database = {
    engine: "postgresql",
    sandbox: null,
    host: "h",
    port: 1,
    user: "u",
    database: "d",
    password: null,
  } as const;

  it.each([
    ["40001", "transient", "PG_QUERY"],
    ["57P01", "transient", "PG_QUERY"],
    ["42P01", "permanent", "PG_QUERY"],
    ["XX001", "subject", "PG_QUERY"],
    ["08006", "transient", "PG_CONNECT"],
  ])("%s is %s", (state, blame, code) => {
    expect(queryError(fromServer(state, "no"))).toMatchObject({ class: blame, code });
  });

  it("carry no values of rows", () => {
    const error = queryError(fromServer("22P02", 'invalid input syntax for type integer: "4711"'));
    expect(error.message).toBe("22P02: invalid input syntax for type integer");
    expect(JSON.stringify(error.cause, Object.getOwnPropertyNames(error.cause))).not.toContain("4711");
  });

  it("tell a refusal from a server that is not there", () => {
    expect(connectError(fromServer("28P01", "password authentication failed"), database)).toMatchObject({
      code: "PG_REFUSED",
      class: "permanent",
    });
    expect(
      connectError(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }), database),
    ).toMatchObject({ code: "PG_CONNECT", class: "transient" });
    expect(connectError(fromServer("57P03", "starting up"), database)).toMatchObject({
      code: "PG_CONNECT",
      class: "transient",
    });
  });
});
