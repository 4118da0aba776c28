import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { FiredrillError } from "./errors.ts";
import type { JsonValue } from "./json.ts";

/**
 * JSON Canonicalization Scheme (RFC 8785): the one spelling of a JSON value, so that its hash is its identity.
 * Throws `NOT_JSON` for what JSON cannot say: NaN, infinities, lone surrogates, undefined.
 */
export function canonicalJson(value: JsonValue): string {
  try {
    const text = canonicalize(value);
    if (text !== undefined) return text;
  } catch (cause) {
    throw new FiredrillError("NOT_JSON", `value cannot be written as canonical JSON: ${String(cause)}`, { cause });
  }
  throw new FiredrillError("NOT_JSON", "value cannot be written as canonical JSON: it is undefined");
}

/** Lower-case hex; text is hashed as UTF-8. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** `sha256(JCS(value))`, lower-case hex. */
export function sha256OfJson(value: JsonValue): string {
  return sha256Hex(canonicalJson(value));
}
