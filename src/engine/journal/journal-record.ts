import { eventFault } from "../../drills/event-fields.ts";
import type { JournalRecord, Recorded, RunEvent } from "../../drills/run-event.ts";
import { canonicalJson, sha256Hex } from "../../support/canonical-json.ts";
import { FiredrillError } from "../../support/errors.ts";
import type { JsonValue } from "../../support/json.ts";

/** `prev` of the first record. */
export const NO_PREVIOUS = "0".repeat(64);

/** A record without its hash: what the hash is taken of. */
export type UnsealedRecord = Omit<JournalRecord, "hash">;

export interface SealedRecord {
  readonly record: JournalRecord;
  /** One line of the file, canonical JSON (RFC 8785) with its line break. */
  readonly line: string;
}

/** Throws `JOURNAL_VALUE` for a number that is no safe integer: a float's spelling must not decide a hash. */
export function seal(content: UnsealedRecord): SealedRecord {
  assertIntegers(content.data, content.type);
  const body = canonicalJson({ ...content });
  const record: JournalRecord = { ...content, hash: sha256Hex(body) };
  return { record, line: `${canonicalJson({ ...record })}\n` };
}

export type LineCheck =
  | { readonly kind: "record"; readonly record: JournalRecord }
  | { readonly kind: "damaged"; readonly reason: string };

/**
 * Are these bytes (a line without its break) the record that comes next? Looks at form, hash, sequence and chain, then at the event.
 * Throws `JOURNAL_VERSION` and `JOURNAL_EVENT` for a sound record that another version wrote.
 */
export function checkLine(line: Buffer, expected: { readonly seq: number; readonly prev: string }): LineCheck {
  const record = decode(line);
  if (record === null) return { kind: "damaged", reason: "it is no journal record" };
  if (record.v !== 1) return refuseVersion(record);
  if (!hashMatches(record)) return { kind: "damaged", reason: "its hash does not match its content" };
  // Two spellings of one value have one hash; ours is the only one we write.
  if (!line.equals(Buffer.from(canonicalJson({ ...record }))))
    return { kind: "damaged", reason: "it is not spelled as we write it" };
  if (record.seq !== expected.seq) return { kind: "damaged", reason: `its number is ${record.seq}` };
  if (record.prev !== expected.prev) return { kind: "damaged", reason: "it does not continue the record before it" };
  requireKnownEvent(record);
  return { kind: "record", record };
}

function hashMatches({ hash, ...content }: JournalRecord): boolean {
  return sha256Hex(canonicalJson({ ...content })) === hash;
}

function requireKnownEvent({ seq, type, data }: JournalRecord): void {
  const fault = eventFault(type, data);
  if (fault === null) return;
  throw new FiredrillError("JOURNAL_EVENT", `Record ${seq} is of another version of Firedrill: ${fault}.`, {
    hint: "Use the version of Firedrill that wrote it; its name is in the first record (`tool`).",
    details: { record: seq },
  });
}

/** The record as pure code reads it. */
export function recorded(record: JournalRecord): Recorded {
  const { seq, epoch, boot, type, data, wall, mono_us: monoUs } = record;
  // The hash was checked and the writer took typed events only: type and data belong together.
  return { type, data, seq, epoch, boot, wallUs: wall, monoUs } as unknown as Recorded;
}

export function unsealed(event: RunEvent, rest: Omit<UnsealedRecord, "v" | "type" | "data">): UnsealedRecord {
  // Every event's data is JSON by its type; the index signature of JsonObject is what TypeScript does not see in it.
  return { v: 1, ...rest, type: event.type, data: event.data as unknown as JsonValue };
}

function decode(line: Buffer): JournalRecord | null {
  try {
    // Decode boundary: the version says whether we can read it, the hash whether it is what was written.
    const value = JSON.parse(line.toString("utf8")) as JournalRecord | null;
    return value !== null && typeof value === "object" && typeof value.hash === "string" ? value : null;
  } catch {
    return null;
  }
}

/** A journal has one version, that of its first record; another one further on is damage. */
function refuseVersion(record: JournalRecord): LineCheck {
  const ours = hashMatches({ ...record, v: 1 });
  if (record.seq !== 1 || typeof record.v !== "number" || ours)
    return { kind: "damaged", reason: "it has no version, or another than the first record" };
  throw new FiredrillError("JOURNAL_VERSION", `This journal has version ${String(record.v)}; version 1 can be read.`, {
    hint: "Use the version of Firedrill that wrote it.",
  });
}

function assertIntegers(value: JsonValue, type: string): void {
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new FiredrillError(
      "JOURNAL_VALUE",
      `A record of type ${type} holds ${value}; the journal takes integers only.`,
      {
        hint: "Give times in microseconds, sizes in bytes and shares in parts per million.",
      },
    );
  }
  if (value !== null && typeof value === "object") for (const item of Object.values(value)) assertIntegers(item, type);
}
