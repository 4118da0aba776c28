import { z } from "zod";
import { databaseRefSchema } from "../../drills/database-ref.ts";
import type { Transfer } from "../../drills/facts.ts";
import type { Recovered } from "../ports/postgres.ts";

export const restoreOutput = z.object({
  database: databaseRefSchema,
  writable: z.boolean().describe("False: it ended read-only."),
  password: z
    .string()
    .nullable()
    .describe("Reference to the password of the role `firedrill` for connections over TCP; null when read-only."),
  recoveryPoint: z.object({
    target: z.string(),
    lsn: z.string(),
    timeline: z.number().int(),
    commitWallUs: z
      .number()
      .int()
      .nullable()
      .describe("Commit time of the last replayed transaction, the source's clock."),
    expectedLsn: z.string().nullable(),
  }),
  bytes: z.number().int().describe("Bytes of the copied files."),
  files: z.number().int(),
  verifiedBytes: z.number().int().describe("Bytes checked against the manifest while they were copied."),
  transferUs: z.number().int(),
  bytesPerSecond: z.number().int(),
  replayBytes: z.number().int(),
  replaySegments: z.number().int(),
  replayUs: z.number().int(),
});

export function outputsOf(transfer: Transfer, recovered: Recovered): z.input<typeof restoreOutput> {
  const { recoveryPoint, replay, firstWrite } = recovered;
  const { target, lsn, timeline, commitWallUs, expectedLsn } = recoveryPoint;
  return {
    database: recovered.database,
    writable: firstWrite !== null,
    password: recovered.password ?? null,
    recoveryPoint: { target, lsn, timeline, commitWallUs, expectedLsn },
    bytes: transfer.bytes,
    files: transfer.files,
    verifiedBytes: transfer.verifiedBytes,
    transferUs: transfer.durationUs,
    bytesPerSecond: transfer.durationUs === 0 ? 0 : Math.round((transfer.bytes * 1_000_000) / transfer.durationUs),
    replayBytes: replay.bytes,
    replaySegments: replay.segments,
    replayUs: replay.durationUs,
  };
}
