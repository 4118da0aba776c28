import { majorOfWalMagic } from "./server-versions.ts";
import { isSegmentSize, segmentStart } from "./wal-file-name.ts";

/** First page of a segment: XLogLongPageHeaderData (xlog_internal.h), little-endian. */
export interface WalPageHeader {
  readonly magic: number;
  /** Null when the magic is not one of a release from 13 to 18. */
  readonly major: number | null;
  readonly timeline: number;
  readonly pageAddress: bigint;
  readonly systemIdentifier: string;
  readonly segmentBytes: number;
  readonly blockBytes: number;
}

export type WalPageReading =
  | { readonly kind: "header"; readonly header: WalPageHeader }
  /** `reason` completes "the segment ...". */
  | { readonly kind: "garbage"; readonly reason: string };

export const WAL_HEADER_BYTES = 40;
const LONG_HEADER_FLAG = 0x0002;

export function readWalPageHeader(bytes: Uint8Array): WalPageReading {
  if (bytes.length < WAL_HEADER_BYTES)
    return { kind: "garbage", reason: `has ${bytes.length} bytes, fewer than its header` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint16(0, true);
  // The high byte has been 0xD0 or 0xD1 since 2001; unknown magics of it may be a release newer than this code.
  if (magic >> 8 !== 0xd1)
    return { kind: "garbage", reason: `begins with 0x${magic.toString(16).padStart(4, "0")}, which is no WAL page` };
  if ((view.getUint16(2, true) & LONG_HEADER_FLAG) === 0)
    return { kind: "garbage", reason: "begins with a page that is not the first of a segment" };
  const segmentBytes = view.getUint32(32, true);
  if (!isSegmentSize(segmentBytes)) return { kind: "garbage", reason: `names ${segmentBytes} as its segment size` };
  return {
    kind: "header",
    header: {
      magic,
      major: majorOfWalMagic(magic),
      timeline: view.getUint32(4, true),
      pageAddress: view.getBigUint64(8, true),
      systemIdentifier: view.getBigUint64(24, true).toString(),
      segmentBytes,
      blockBytes: view.getUint32(36, true),
    },
  };
}

export interface ExpectedSegment {
  readonly timeline: number;
  readonly segment: bigint;
  readonly segmentBytes: number;
  /** Null when the backup does not say it. */
  readonly systemIdentifier: string | null;
}

export type SegmentFault =
  | { readonly kind: "foreign"; readonly seen: string; readonly expected: string }
  | { readonly kind: "damaged"; readonly reason: string };

/**
 * Is this the first page of the segment its name promises? The page's timeline may be older than the name's: a new
 * timeline's first segment begins with a copy of the old one.
 */
export function checkSegmentHeader(bytes: Uint8Array, expected: ExpectedSegment): SegmentFault | undefined {
  const reading = readWalPageHeader(bytes);
  if (reading.kind === "garbage") return { kind: "damaged", reason: reading.reason };
  const { header } = reading;
  if (expected.systemIdentifier !== null && header.systemIdentifier !== expected.systemIdentifier) {
    return { kind: "foreign", seen: header.systemIdentifier, expected: expected.systemIdentifier };
  }
  const address = segmentStart(expected.segment, expected.segmentBytes);
  if (header.segmentBytes !== expected.segmentBytes)
    return { kind: "damaged", reason: `is of a cluster with segments of ${header.segmentBytes} bytes` };
  if (header.pageAddress !== address) {
    return {
      kind: "damaged",
      reason: `begins at WAL position ${header.pageAddress}, its name says ${address} (a recycled or renamed segment)`,
    };
  }
  if (header.timeline > expected.timeline)
    return { kind: "damaged", reason: `is of timeline ${header.timeline}, its name says ${expected.timeline}` };
  return undefined;
}
