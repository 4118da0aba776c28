import { z } from "zod";
import type { Baseline } from "../../steps/ports/checks.ts";

const number = z.string().regex(/^-?\d{1,30}$/u);
const definitions = z.record(z.string(), z.record(z.string(), z.string()));

/** The file as it is stored. Unknown fields are kept out, so that a later minor addition does not stop an older reader. */
export const baselineSchema: z.ZodType<Baseline> = z.object({
  schemaVersion: z.literal("firedrill/baseline/v1"),
  takenAt: z.iso.datetime(),
  lsn: z.string().regex(/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/u),
  server: z.object({ version: z.string(), major: z.int(), systemIdentifier: z.string().nullable() }),
  database: z.string(),
  excludeSchemas: z.array(z.string()),
  tables: z.record(z.string(), z.object({ rows: number, digest: z.string().regex(/^[0-9a-f]{32}$/u) })),
  excluded: z.record(z.string(), z.string()),
  sequences: z.record(
    z.string(),
    z.object({ last: number.nullable(), start: number, increment: number, cache: number }),
  ),
  schema: z.object({
    tables: definitions,
    columns: definitions,
    indexes: definitions,
    constraints: definitions,
    sequences: definitions,
    views: definitions,
    functions: definitions,
    triggers: definitions,
    extensions: definitions,
  }),
});
