import type { Fingerprint, SequenceState } from "../ports/checks.ts";

/** PostgreSQL logs a sequence 32 values ahead (sequence.c, SEQ_LOG_VALS): after a recovery it may stand that much further. */
const SEQUENCE_AHEAD = 32n;

/** What differs, one sentence each, by table: missing ones first, then content, then sequences, then what is there in addition. */
export function fingerprintDifferences(baseline: Fingerprint, copy: Fingerprint): readonly string[] {
  const wanted = Object.entries(baseline.tables);
  const missing = wanted
    .filter(([name]) => !Object.hasOwn(copy.tables, name))
    .map(([name, { rows }]) => gone(name, rows, copy));
  const changed = wanted.flatMap(([name, before]) => {
    const now = copy.tables[name];
    if (now === undefined || (now.rows === before.rows && now.digest === before.digest)) return [];
    return [
      now.rows === before.rows
        ? `${name}: ${before.rows} rows, but other content`
        : `${name}: ${now.rows} rows, had ${before.rows}`,
    ];
  });
  const additional = Object.keys(copy.tables)
    .filter((name) => !Object.hasOwn(baseline.tables, name))
    .map((name) => `${name} was not there`);
  return [...missing, ...changed, ...sequences(baseline, copy), ...additional];
}

function gone(name: string, rows: string, copy: Fingerprint): string {
  const why = copy.excluded[name];
  return why === undefined ? `${name} is missing (had ${rows} rows)` : `${name} cannot be compared: ${why}`;
}

function sequences(baseline: Fingerprint, copy: Fingerprint): readonly string[] {
  return Object.entries(baseline.sequences).flatMap(([name, before]) => {
    const now = copy.sequences[name];
    if (now === undefined) return [`sequence ${name} is missing`];
    return stands(before, now)
      ? []
      : [`sequence ${name} stands at ${now.last ?? "its begin"}, was at ${before.last ?? "its begin"}`];
  });
}

/** Not before the baseline's value, where it would give numbers twice, and not further than recovery explains. */
function stands(before: SequenceState, now: SequenceState): boolean {
  if (before.last === now.last) return true;
  if (now.last === null) return false;
  const increment = BigInt(before.increment);
  const steps = SEQUENCE_AHEAD + BigInt(before.cache);
  // One that was never used stands a step before its first value.
  const from = before.last === null ? BigInt(before.start) - increment : BigInt(before.last);
  const moved = (BigInt(now.last) - from) / increment;
  return moved >= 0n && moved <= steps;
}
