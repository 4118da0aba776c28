import { createHash } from "node:crypto";
import { z } from "zod";
import { FormatError } from "./format-error.ts";
import { parseLsn } from "./lsn.ts";

/** `backup_manifest` (manual: 76 "Backup Manifest Format"), versions 1 (13 to 16) and 2 (17 and later). */
export interface BackupManifest {
  readonly version: 1 | 2;
  /** Version 2 only. */
  readonly systemIdentifier: string | null;
  readonly files: readonly ManifestFile[];
  readonly walRanges: readonly WalRange[];
  /** sha256 of the whole file as it lies on disk. */
  readonly sha256: string;
}

export interface ManifestFile {
  /** Relative to the data directory, `/` between names. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedWallUs: number | null;
  readonly checksum: ManifestChecksum;
}

export const CHECKSUM_ALGORITHMS = ["NONE", "CRC32C", "SHA224", "SHA256", "SHA384", "SHA512"] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];
export interface ManifestChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Lower-case hexadecimal; empty for `NONE`. */
  readonly hex: string;
}

export interface WalRange {
  readonly timeline: number;
  readonly startLsn: bigint;
  readonly endLsn: bigint;
}

/** Some 2 million files; more is not a manifest that we would want to hold. */
export const MANIFEST_MAX_BYTES = 512 * 1024 * 1024;

const fileSchema = z.object({
  Path: z.string().optional(),
  "Encoded-Path": z
    .string()
    .regex(/^(?:[0-9a-fA-F]{2})*$/u)
    .optional(),
  Size: z.number().int().nonnegative(),
  "Last-Modified": z.string().optional(),
  "Checksum-Algorithm": z.string().optional(),
  Checksum: z.string().optional(),
});
const manifestSchema = z.object({
  "PostgreSQL-Backup-Manifest-Version": z.number().int(),
  // Larger than 2^53: taken from the text instead, see systemIdentifierOf.
  "System-Identifier": z.number().optional(),
  Files: z.array(fileSchema),
  "WAL-Ranges": z.array(z.object({ Timeline: z.number().int(), "Start-LSN": z.string(), "End-LSN": z.string() })),
});

/**
 * Reads and verifies a manifest. Throws `MANIFEST_SIZE`, `MANIFEST_CHECKSUM` (its own last line does not match it),
 * `MANIFEST_SYNTAX`, `MANIFEST_VERSION`.
 */
export function parseBackupManifest(bytes: Uint8Array): BackupManifest {
  if (bytes.length > MANIFEST_MAX_BYTES)
    throw new FormatError(
      "MANIFEST_SIZE",
      `backup_manifest has ${bytes.length} bytes, at most ${MANIFEST_MAX_BYTES} are read`,
    );
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  checkOwnChecksum(bytes, text);
  const document = decode(text);
  const version = document["PostgreSQL-Backup-Manifest-Version"];
  if (version !== 1 && version !== 2) {
    throw new FormatError("MANIFEST_VERSION", `backup_manifest has version ${version}, versions 1 and 2 are known`);
  }
  return {
    version,
    systemIdentifier: version === 2 ? systemIdentifierOf(text) : null,
    files: document.Files.map(readFile),
    walRanges: document["WAL-Ranges"].map(readRange),
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}

/** The last line is `"Manifest-Checksum": "<sha256 of all before that line>"}`. */
function checkOwnChecksum(bytes: Uint8Array, text: string): void {
  const match = /\n"Manifest-Checksum": "([0-9a-f]{64})"\}\n?$/u.exec(text.slice(-200));
  if (match?.[1] === undefined) {
    throw new FormatError("MANIFEST_CHECKSUM", "backup_manifest does not end with its own checksum: it is truncated");
  }
  const tail = match[0].length - 1;
  const actual = createHash("sha256")
    .update(bytes.subarray(0, bytes.length - tail))
    .digest("hex");
  if (actual !== match[1]) {
    throw new FormatError(
      "MANIFEST_CHECKSUM",
      `backup_manifest does not match its own checksum: expected ${match[1]}, seen ${actual}`,
    );
  }
}

function decode(text: string): z.infer<typeof manifestSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError("MANIFEST_SYNTAX", "backup_manifest is not JSON", { cause });
  }
  const parsed = manifestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new FormatError(
    "MANIFEST_SYNTAX",
    `backup_manifest: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "unexpected"}`,
  );
}

function systemIdentifierOf(text: string): string | null {
  return /"System-Identifier": (\d{1,20})/u.exec(text.slice(0, 4096))?.[1] ?? null;
}

function readFile(file: z.infer<typeof fileSchema>): ManifestFile {
  const encoded = file["Encoded-Path"];
  const path = file.Path ?? (encoded === undefined ? undefined : Buffer.from(encoded, "hex").toString("utf8"));
  if (path === undefined || !isRelativePath(path)) {
    throw new FormatError(
      "MANIFEST_SYNTAX",
      `backup_manifest names a path that leaves the backup or is none: ${JSON.stringify(path ?? null)}`,
    );
  }
  const written = file["Last-Modified"];
  const modified = written === undefined ? Number.NaN : Date.parse(written);
  return {
    path,
    sizeBytes: file.Size,
    modifiedWallUs: Number.isNaN(modified) ? null : modified * 1000,
    checksum: readChecksum(file["Checksum-Algorithm"], file.Checksum, path),
  };
}

function isRelativePath(path: string): boolean {
  return path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && !part.includes("\0"));
}

function readChecksum(algorithm: string | undefined, hex: string | undefined, path: string): ManifestChecksum {
  if (algorithm === undefined || hex === undefined) return { algorithm: "NONE", hex: "" };
  const known = CHECKSUM_ALGORITHMS.find((name) => name === algorithm.toUpperCase());
  if (known === undefined)
    throw new FormatError(
      "MANIFEST_SYNTAX",
      `backup_manifest: unknown checksum algorithm ${JSON.stringify(algorithm)} of ${path}`,
    );
  return { algorithm: known, hex: hex.toLowerCase() };
}

function readRange(range: z.infer<typeof manifestSchema>["WAL-Ranges"][number]): WalRange {
  return { timeline: range.Timeline, startLsn: parseLsn(range["Start-LSN"]), endLsn: parseLsn(range["End-LSN"]) };
}
