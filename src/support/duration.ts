import { z } from "zod";
import { printable } from "./printable.ts";

/** No single wait of a drill is longer; a larger number is a slip (milliseconds written as seconds). */
export const MAX_DURATION_MS = 30 * 24 * 60 * 60 * 1000;

const UNITS = [
  { unit: "d", ms: 86_400_000 },
  { unit: "h", ms: 3_600_000 },
  { unit: "m", ms: 60_000 },
  { unit: "s", ms: 1000 },
  { unit: "ms", ms: 1 },
] as const;

export interface DurationRules {
  /** Where nothing is a meaning of its own, as in an RPO of zero. Default false. */
  readonly zero?: boolean;
}

export type DurationResult =
  | { readonly kind: "value"; readonly ms: number }
  | { readonly kind: "error"; readonly code: DurationFault; readonly message: string; readonly hint: string };

export type DurationFault =
  | "DURATION_NO_UNIT"
  | "DURATION_SYNTAX"
  | "DURATION_ZERO"
  | "DURATION_NEGATIVE"
  | "DURATION_TOO_LONG";

/** `15m`, `1h30m`, `250ms`: whole numbers with `d`, `h`, `m`, `s`, `ms`, largest unit first, up to 30 days. */
export function parseDuration(text: string, rules: DurationRules = {}): DurationResult {
  const shown = `"${printable(text, 40)}"`;
  if (text.startsWith("-"))
    return fault("DURATION_NEGATIVE", `duration ${shown} is negative`, "write how long, as in 15m");
  if (/^\d+(?:\.\d+)?$/u.test(text)) {
    return fault(
      "DURATION_NO_UNIT",
      `duration ${shown} has no unit`,
      `did you mean "${printable(text, 12)}s" or "${printable(text, 12)}m"?`,
    );
  }
  const ms = sumOfParts(text);
  if (ms === undefined) {
    return fault(
      "DURATION_SYNTAX",
      `${shown} is not a duration`,
      "whole numbers with d, h, m, s or ms, largest first: 15m, 1h30m, 250ms",
    );
  }
  if (ms === 0 && rules.zero !== true)
    return fault("DURATION_ZERO", `duration ${shown} is zero`, "give it a length, or leave the field out");
  if (ms > MAX_DURATION_MS)
    return fault(
      "DURATION_TOO_LONG",
      `duration ${shown} is over 30 days`,
      "30d is the longest a drill waits for anything",
    );
  return { kind: "value", ms };
}

function fault(code: DurationFault, message: string, hint: string): DurationResult {
  return { kind: "error", code, message, hint };
}

function sumOfParts(text: string): number | undefined {
  if (text.length === 0 || text.length > 40) return undefined;
  const part = /(\d{1,15})(ms|[dhms])/uy;
  let total = 0;
  let largest = Infinity;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    const unit = UNITS.find((candidate) => candidate.unit === match?.[2]);
    if (match === null || unit === undefined || unit.ms >= largest) return undefined;
    largest = unit.ms;
    total += Number(match[1]) * unit.ms;
  }
  return total;
}

/** The shortest spelling that {@link parseDuration} reads back: `1h30m`. Whole milliseconds; `0s` for nothing. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  let text = "";
  for (const { unit, ms: size } of UNITS) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * size;
  }
  return text === "" ? "0s" : text;
}

/**
 * Zod type of a duration: written as text, parsed to whole milliseconds. Faults keep their code by the convention of
 * `src/drills/zod-faults.ts`: a message `CODE: sentence`, its hint on a second line.
 */
export function durationMs(rules: DurationRules = {}) {
  return z
    .string({ error: (issue) => (typeof issue.input === "number" ? numberMessage(issue.input, rules) : undefined) })
    .meta({ pattern: "^(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$", examples: ["15m", "1h30m"] })
    .transform((text, context) => {
      const result = parseDuration(text, rules);
      if (result.kind === "value") return result.ms;
      context.addIssue({ code: "custom", message: `${result.code}: ${result.message}\n${result.hint}`, input: text });
      return z.NEVER;
    });
}

function numberMessage(value: number, rules: DurationRules): string {
  const result = parseDuration(String(value), rules);
  return result.kind === "value" ? "" : `${result.code}: ${result.message}\n${result.hint}`;
}
