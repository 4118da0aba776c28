import type { JournalRecord, Recorded } from "../../src/drills/run-event.ts";
import { createHash } from "node:crypto";
import { must } from "./violation.ts";

/** The lines of a journal, each verified against docs/journal.md without the engine's reader. Throws `Violation`. */
export function verifiedLines(text: string, before: JournalRecord | null): readonly JournalRecord[] {
  let last = before;
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      // Decode boundary: what it must be is asked right below.
      const record = JSON.parse(line) as JournalRecord;
      const { hash, ...content } = record;
      must(sha256(sorted(content)) === hash, `the hash of record ${record.seq} is wrong`);
      must(sorted(record) === line, `record ${record.seq} is not spelled canonically`);
      must(record.seq === (last?.seq ?? 0) + 1, `record ${record.seq} follows ${last?.seq ?? 0}`);
      must(record.prev === (last?.hash ?? "0".repeat(64)), `record ${record.seq} does not continue the chain`);
      last = record;
      return record;
    });
}

/** As the pure code reads it. */
export function recordOf({ seq, epoch, boot, type, data, wall, mono_us: monoUs }: JournalRecord): Recorded {
  // Type and data belong together: the engine wrote them, and the hash is right.
  return { seq, epoch, boot, type, data, wallUs: wall, monoUs } as unknown as Recorded;
}

function sorted(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => sorted(item)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${sorted(item)}`).join(",")}}`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
