import { z } from "zod";
import { printable } from "./printable.ts";

const UNITS: Readonly<Record<string, number>> = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };
const FORM = /^(?<count>\d{1,12})(?<unit>B|kB|MB|GB|TB)$/u;

/** `16MB`, `0B`: whole numbers with PostgreSQL's units, powers of 1,024 (manual: 20.1.1). Undefined for anything else. */
export function parseSize(text: string): number | undefined {
  const { count, unit } = FORM.exec(text)?.groups ?? {};
  const bytes = Number(count) * (UNITS[unit ?? ""] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A size in bytes, written as `16MB`. */
export function sizeBytes() {
  return z
    .string()
    .meta({ pattern: "^[0-9]{1,12}(B|kB|MB|GB|TB)$", examples: ["16MB"] })
    .transform((text, context) => {
      const bytes = parseSize(text);
      if (bytes !== undefined) return bytes;
      const message = `BAD_SIZE: "${printable(text, 40)}" is not a size\nwhole numbers with B, kB, MB, GB or TB: 16MB`;
      context.addIssue({ code: "custom", message, input: text });
      return z.NEVER;
    });
}
