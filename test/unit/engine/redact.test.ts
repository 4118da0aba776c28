import { describe, expect, test } from "vitest";
import { pinoLog } from "../../../src/support/log-pino.ts";
import { createRedactor, REDACTED } from "../../../src/support/redact.ts";

const SECRET = 'p4ss/w0rd+"ü" \\x?';

const forms: Readonly<Record<string, string>> = {
  raw: SECRET,
  base64: Buffer.from(SECRET).toString("base64"),
  base64url: Buffer.from(SECRET).toString("base64url"),
  "base64 of user:secret": Buffer.from(`u:${SECRET}`).toString("base64"),
  "base64 of admin:secret": Buffer.from(`admin:${SECRET}`).toString("base64"),
  "base64 of postgres:secret@": Buffer.from(`postgres:${SECRET}@host`).toString("base64"),
  hex: Buffer.from(SECRET).toString("hex"),
  "upper-case hex": Buffer.from(SECRET).toString("hex").toUpperCase(),
  "URL-encoded": encodeURIComponent(SECRET),
  "lower-case URL-encoded": encodeURIComponent(SECRET).toLowerCase(),
  "form-encoded": encodeURIComponent(SECRET).replaceAll("%20", "+"),
  "JSON-escaped": JSON.stringify(SECRET),
};

describe("a known secret", () => {
  test.each(Object.entries(forms))("is taken out of a text in the form %s", (_name, form) => {
    const redactor = createRedactor();
    expect(redactor.add(SECRET)).toBe("known");
    const text = redactor.text(`before ${form} after`);
    expect(text).toContain(REDACTED);
    expect(text).not.toContain(form);
    expect(text).toMatch(/^before .* after$/u);
  });

  test("is taken out of values and keys of a record, however deep, and nothing else changes", () => {
    const redactor = createRedactor();
    redactor.add("hunter22");
    expect(redactor.json({ a: [{ "key hunter22": "x hunter22 y", n: 7, b: true, z: null }] })).toEqual({
      a: [{ [`key ${REDACTED}`]: `x ${REDACTED} y`, n: 7, b: true, z: null }],
    });
  });

  test("from a file is known with and without its last line break", () => {
    const redactor = createRedactor();
    redactor.add("hunter22\n");
    expect(redactor.text("said hunter22.")).toBe(`said ${REDACTED}.`);
  });

  test("that is part of another one leaves nothing of the longer one", () => {
    const redactor = createRedactor();
    redactor.add("hunter");
    redactor.add("hunter22");
    expect(redactor.text("hunter22")).toBe(REDACTED);
  });

  test("does not reach the log: fields, errors and the event's name", () => {
    const lines: string[] = [];
    const redactor = createRedactor();
    const log = pinoLog("debug", redactor, { write: (line) => void lines.push(line) });
    redactor.add("hunter22");
    log.warn({ url: "postgres://u:hunter22@h/d", error: new Error("no hunter22 here"), big: 1n }, "failed_hunter22");
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain("hunter22");
    expect(lines[0]).toContain('"big":"1"');
  });
});

describe("what cannot be redacted is said", () => {
  test("a secret of fewer than four characters", () => {
    const redactor = createRedactor();
    expect(redactor.add("abc")).toBe("too_short");
    expect(redactor.text("abc")).toBe("abc");
  });

  test("a secret that also stands in the plan in clear", () => {
    const redactor = createRedactor();
    redactor.declarePublic('{"uses":"postgres/restore"}');
    expect(redactor.add("postgres")).toBe("public");
    expect(redactor.text("/usr/lib/postgresql")).toBe("/usr/lib/postgresql");
  });
});
