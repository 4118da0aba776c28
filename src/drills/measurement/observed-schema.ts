import { z } from "zod";
import { microseconds } from "./clock-schema.ts";
import { observedFailoverShape } from "./observed-failover-schema.ts";

const source = z.object({
  tool: z.string(),
  backupId: z.string(),
  path: z.string(),
  format: z.string(),
  startedWallUs: microseconds.nullable(),
  endedWallUs: microseconds.nullable(),
  timeFrom: z.string(),
  startLsn: z.string(),
  stopLsn: z.string().nullable(),
  timeline: z.number().int(),
  systemIdentifier: z.string().nullable(),
  sizeBytes: z.number().int(),
  files: z.number().int(),
  manifestSha256: z.string().nullable(),
  selection: z.string(),
  archiveEndLsn: z.string().nullable(),
});

const recoveryPoint = z.object({
  target: z.string(),
  lsn: z.string(),
  timeline: z.number().int(),
  commitWallUs: microseconds.nullable(),
  expectedLsn: z.string().nullable(),
  from: z.object({ lsn: z.string(), timeline: z.string(), commitTime: z.string() }),
});

const survivor = z.object({
  via: z.enum(["heartbeat", "query"]),
  what: z.string(),
  newestWallUs: microseconds,
  intervalUs: microseconds.nullable(),
});

const transfer = z.object({
  method: z.string(),
  bytes: z.number().int(),
  files: z.number().int(),
  durationUs: microseconds,
  verifiedFiles: z.number().int(),
  verifiedBytes: z.number().int(),
  checksum: z.string(),
});

const replay = z.object({ bytes: z.number().int(), segments: z.number().int(), durationUs: microseconds });

const probe = z.object({ probe: z.string(), expected: z.string(), actual: z.string(), ok: z.boolean() });

const server = z.object({
  version: z.string(),
  binaries: z.string(),
  durability: z.enum(["production", "throwaway"]),
  settings: z.record(z.string(), z.string()),
});

/** What steps saw, the last word of each kind; null or empty when no step said it. */
export const observedSchema = z.object({
  source: source.nullable(),
  recoveryPoint: recoveryPoint.nullable(),
  survivors: z.array(survivor.extend({ step: z.string() })),
  transfers: z.array(transfer.extend({ step: z.string() })),
  replays: z.array(replay.extend({ step: z.string() })),
  isolation: z.array(probe.extend({ step: z.string() })),
  server: server.nullable(),
  ...observedFailoverShape,
});
export type Observed = Readonly<z.infer<typeof observedSchema>>;
