import { crc32c } from "@node-rs/crc32";
import { FormatError } from "./format-error.ts";
import { majorOfCatalog } from "./server-versions.ts";
import { isSegmentSize } from "./wal-file-name.ts";

/** What we need of `global/pg_control` (pg_control.h, ControlFileData), versions 13 to 18, 64-bit little-endian. */
export interface ControlFile {
  readonly systemIdentifier: string;
  readonly controlVersion: number;
  readonly catalogVersion: number;
  /** From the catalog version; null for a server that is not a release from 13 to 18. */
  readonly major: number | null;
  readonly state: ControlState;
  readonly checkpointLsn: bigint;
  readonly checkpointTimeline: number;
  readonly minRecoveryLsn: bigint;
  readonly walLevel: "minimal" | "replica" | "logical" | "unknown";
  readonly walSegmentBytes: number;
  readonly blockBytes: number;
  /** The five settings that a server in recovery must not have smaller than its primary (manual: 26.4.3). */
  readonly maxConnections: number;
  readonly maxWorkerProcesses: number;
  readonly maxWalSenders: number;
  readonly maxPreparedXacts: number;
  readonly maxLocksPerXact: number;
  /** 0: pages carry no checksums. */
  readonly dataChecksumVersion: number;
}

const STATES = [
  "starting up",
  "shut down",
  "shut down in recovery",
  "shutting down",
  "in crash recovery",
  "in archive recovery",
  "in production",
] as const;
export type ControlState = (typeof STATES)[number] | "unknown";

/** ControlFileData.floatFormat: the same in every cluster, so it shows where the fields around it lie. */
const FLOAT_FORMAT = 1_234_567.0;
const WAL_LEVELS = ["minimal", "replica", "logical"] as const;
/** From floatFormat to the CRC: the nonce begins one byte later since version 18 (default_char_signedness). */
const CRC_OFFSETS = [80, 84] as const;

/** Throws `CONTROL_FILE_SHORT`, `CONTROL_FILE_LAYOUT`, `CONTROL_FILE_CHECKSUM`. */
export function readControlFile(bytes: Uint8Array): ControlFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const anchor = findAnchor(view);
  checkCrc(bytes, view, anchor);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const catalogVersion = u32(12);
  const walSegmentBytes = u32(anchor + 20);
  if (!isSegmentSize(walSegmentBytes)) {
    throw new FormatError("CONTROL_FILE_LAYOUT", `pg_control: ${walSegmentBytes} is no WAL segment size`);
  }
  return {
    systemIdentifier: view.getBigUint64(0, true).toString(),
    controlVersion: u32(8),
    catalogVersion,
    major: majorOfCatalog(catalogVersion),
    state: STATES[u32(16)] ?? "unknown",
    checkpointLsn: view.getBigUint64(32, true),
    checkpointTimeline: u32(48),
    minRecoveryLsn: view.getBigUint64(anchor - 72, true),
    walLevel: WAL_LEVELS[u32(anchor - 36)] ?? "unknown",
    walSegmentBytes,
    blockBytes: u32(anchor + 8),
    maxConnections: u32(anchor - 28),
    maxWorkerProcesses: u32(anchor - 24),
    maxWalSenders: u32(anchor - 20),
    maxPreparedXacts: u32(anchor - 16),
    maxLocksPerXact: u32(anchor - 12),
    dataChecksumVersion: u32(anchor + 44),
  };
}

function findAnchor(view: DataView): number {
  if (view.byteLength < 296) {
    throw new FormatError("CONTROL_FILE_SHORT", `pg_control has ${view.byteLength} bytes, expected 8192`);
  }
  for (let offset = 160; offset <= Math.min(288, view.byteLength - 96); offset += 8) {
    if (view.getFloat64(offset, true) === FLOAT_FORMAT) return offset;
  }
  throw new FormatError("CONTROL_FILE_LAYOUT", "pg_control is not one of a 64-bit little-endian PostgreSQL 13 to 18");
}

function checkCrc(bytes: Uint8Array, view: DataView, anchor: number): void {
  const matches = CRC_OFFSETS.some(
    (offset) => crc32c(bytes.subarray(0, anchor + offset)) === view.getUint32(anchor + offset, true),
  );
  if (!matches) throw new FormatError("CONTROL_FILE_CHECKSUM", "pg_control does not match its own checksum");
}
