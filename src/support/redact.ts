import type { JsonObject, JsonValue } from "./json.ts";
import type { Log } from "./log.ts";

/**
 * Knows every secret that was resolved and takes it out of texts, records and log lines, raw and in the encodings in
 * which it usually travels: base64, base64url, hex, URL and JSON. Length of what was there is not kept.
 */
export interface Redactor {
  /** Only a `known` secret is taken out from then on. */
  add(secret: string): Known;
  /** Text that is on record in clear anyway, such as the plan: taking its words out would break what they name. */
  declarePublic(text: string): void;
  text(text: string): string;
  /** Values and keys; the same object when nothing had to go. */
  json<T extends JsonValue>(value: T): T;
}

/**
 * `too_short`: fewer than four characters cannot be told from ordinary text. `public`: a password such as `postgres` that
 * also stands in the plan is no secret any more, and paths and users would be damaged with it.
 */
export type Known = "known" | "too_short" | "public";

export const REDACTED = "[redacted]";
const SHORTEST = 4;

export function createRedactor(): Redactor {
  const known = new Set<string>();
  const open: string[] = [];
  let pattern: RegExp | null = null;
  const clean = (value: string): string => (pattern === null ? value : value.replaceAll(pattern, REDACTED));
  return {
    add(secret) {
      // A secret in a file usually ends in a line break that no protocol sends.
      const forms = [secret, secret.trim()].filter((form) => form.length >= SHORTEST);
      if (forms.length === 0) return "too_short";
      if (forms.some((form) => open.some((text) => text.includes(form)))) return "public";
      for (const form of forms.flatMap((item) => encodings(item))) known.add(form);
      pattern = patternOf(known);
      return "known";
    },
    declarePublic: (text) => void open.push(text),
    text: clean,
    json<T extends JsonValue>(value: T): T {
      // The walk keeps the shape: only texts become other texts.
      return pattern === null ? value : (redactJson(value, clean) as T);
    },
  };
}

/** A log whose lines cannot hold a known secret. */
export function redactingLog(log: Log, redactor: Redactor): Log {
  const clean = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
    // Anything can be logged; what JSON cannot say becomes its text.
    redactor.json(JSON.parse(JSON.stringify(fields, plain)) as JsonObject);
  return {
    debug: (fields, event) => log.debug(clean(fields), redactor.text(event)),
    info: (fields, event) => log.info(clean(fields), redactor.text(event)),
    warn: (fields, event) => log.warn(clean(fields), redactor.text(event)),
    error: (fields, event) => log.error(clean(fields), redactor.text(event)),
  };
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  return typeof value === "bigint" ? value.toString() : value;
}

function encodings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, "utf8");
  const hex = bytes.toString("hex");
  const url = percentEncoded(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    secret,
    ...base64Forms(bytes),
    hex,
    hex.toUpperCase(),
    url,
    url.toLowerCase(),
    url.replaceAll("%20", "+"),
    json,
    json.replaceAll("/", "\\/"),
  ];
}

function percentEncoded(secret: string): string {
  return encodeURIComponent(secret.toWellFormed());
}

/**
 * Base64 of the secret alone, and of the secret anywhere inside a longer text (`user:secret`): three alignments, without
 * the characters at either end that also hold bits of what stands around it.
 */
function base64Forms(bytes: Buffer): readonly string[] {
  const forms = [bytes.toString("base64"), bytes.toString("base64").replace(/=+$/u, "")];
  for (const lead of [0, 1, 2]) {
    const whole = Buffer.concat([Buffer.alloc(lead), bytes])
      .toString("base64")
      .replace(/=+$/u, "");
    const tainted = (lead + bytes.length) % 3 === 0 ? 0 : 1;
    const inner = whole.slice(lead === 0 ? 0 : lead + 1, whole.length - tainted);
    if (inner.length >= SHORTEST + 2) forms.push(inner);
  }
  return forms.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

/** Longest first: a part of one form must not leave the rest of it standing. */
function patternOf(known: ReadonlySet<string>): RegExp {
  const forms = [...known].toSorted((a, b) => b.length - a.length);
  return new RegExp(forms.map((form) => escaped(form)).join("|"), "gu");
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+./?[\\\]^{|}]/gu, "\\$&");
}

/** A part in which nothing had to go stays the same object. */
function redactJson(value: JsonValue, text: (value: string) => string): JsonValue {
  if (typeof value === "string") return text(value);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) {
    // `Array.isArray` does not narrow a readonly array.
    const list = value as readonly JsonValue[];
    const clean = list.map((item) => redactJson(item, text));
    return clean.some((item, index) => item !== list[index]) ? clean : list;
  }
  const entries = Object.entries(value as JsonObject);
  const clean = entries.map(([key, item]) => [text(key), redactJson(item, text)] as const);
  const same = clean.every(([key, item], index) => key === entries[index]?.[0] && item === entries[index][1]);
  return same ? value : Object.fromEntries(clean);
}
