/**
 * Names in a WAL archive. A segment's name is timeline, "log" and segment number, eight hexadecimal digits each;
 * a log is 4 GiB, so the split of the number depends on the segment size (xlog_internal.h, XLogFileName).
 */
export type WalFileName =
  | { readonly kind: "segment"; readonly timeline: number; readonly segment: bigint }
  /** Last, unfinished segment of an abandoned timeline; the server does not replay it. */
  | { readonly kind: "partial"; readonly timeline: number; readonly segment: bigint }
  /** Backup history file: written when a backup that began in this segment ended. */
  | { readonly kind: "backup-history"; readonly timeline: number; readonly segment: bigint; readonly offset: number }
  | { readonly kind: "timeline-history"; readonly timeline: number };

const SEGMENT = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial|\.([0-9A-F]{8})\.backup)?$/u;
const HISTORY = /^([0-9A-F]{8})\.history$/u;
const LOG_BYTES = 0x1_0000_0000;

/** Undefined for anything that is not the name of a WAL file of this segment size. */
export function parseWalFileName(name: string, segmentBytes: number): WalFileName | undefined {
  const history = HISTORY.exec(name);
  if (history !== null) return { kind: "timeline-history", timeline: hex(history[1]) };
  const match = SEGMENT.exec(name);
  if (match === null) return undefined;
  const perLog = LOG_BYTES / segmentBytes;
  const low = hex(match[3]);
  if (low >= perLog) return undefined;
  const timeline = hex(match[1]);
  const segment = BigInt(hex(match[2])) * BigInt(perLog) + BigInt(low);
  if (match[4] === undefined) return { kind: "segment", timeline, segment };
  if (match[5] === undefined) return { kind: "partial", timeline, segment };
  return { kind: "backup-history", timeline, segment, offset: hex(match[5]) };
}

export function formatSegmentName(timeline: number, segment: bigint, segmentBytes: number): string {
  const perLog = BigInt(LOG_BYTES / segmentBytes);
  return `${digits(BigInt(timeline))}${digits(segment / perLog)}${digits(segment % perLog)}`;
}

export function formatHistoryName(timeline: number): string {
  return `${digits(BigInt(timeline))}.history`;
}

/** The segment that follows on the same timeline; undefined when the name is not a segment's. */
export function nextSegmentName(name: string, segmentBytes: number): string | undefined {
  const parsed = parseWalFileName(name, segmentBytes);
  if (parsed?.kind !== "segment") return undefined;
  return formatSegmentName(parsed.timeline, parsed.segment + 1n, segmentBytes);
}

/** Number of the segment that holds the byte at `lsn`. */
export function segmentOf(lsn: bigint, segmentBytes: number): bigint {
  return lsn / BigInt(segmentBytes);
}

export function segmentStart(segment: bigint, segmentBytes: number): bigint {
  return segment * BigInt(segmentBytes);
}

/** 1 MiB to 1 GiB, a power of two (initdb `--wal-segsize`). */
export function isSegmentSize(bytes: number): boolean {
  return bytes >= 0x10_0000 && bytes <= 0x4000_0000 && Number.isInteger(Math.log2(bytes));
}

function hex(text: string | undefined): number {
  return Number.parseInt(text ?? "", 16);
}

function digits(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, "0");
}
