import { z } from "zod";

/**
 * One base backup as a source found it. Travels through outputs and the journal: JSON, integers, no secrets.
 * LSNs are written `16/B374D848`; times are microseconds since the Unix epoch.
 */
export const backupRefSchema = z
  .object({
    source: z.literal("directory"),
    id: z.string().describe("Name of the backup's folder."),
    path: z.string(),
    walPath: z.string().nullable().describe("WAL archive, or null when only the backup's own WAL is there."),
    format: z.enum(["plain", "tar"]),
    compression: z.enum(["none", "gzip", "lz4", "zstd"]),
    major: z.number().int().describe("Major version of the server that wrote it."),
    systemIdentifier: z.string().nullable(),
    label: z.string().nullable(),
    startLsn: z.string(),
    stopLsn: z.string().nullable().describe("Null when neither manifest nor history file says it."),
    timeline: z.number().int(),
    startedWallUs: z.number().int().nullable(),
    endedWallUs: z.number().int().nullable(),
    timeFrom: z.string().describe("Which file the times were read from."),
    sizeBytes: z.number().int(),
    files: z.number().int(),
    manifestSha256: z.string().nullable(),
    walSegmentBytes: z.number().int(),
    archiveEndLsn: z.string().nullable().describe("End of WAL that continues the backup without a gap."),
    archiveEndTimeline: z.number().int().nullable(),
    tablespaces: z.array(z.object({ oid: z.string(), path: z.string() })),
  })
  .describe("A base backup, as `backup/find` gives it.");
export type BackupRef = z.infer<typeof backupRefSchema>;
