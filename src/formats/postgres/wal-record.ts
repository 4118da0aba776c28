import { crc32c } from "@node-rs/crc32";

/** Where records lie: pages of `blockBytes`, each with a header, in segments of `segmentBytes`. */
export interface WalLayout {
  readonly segmentBytes: number;
  readonly blockBytes: number;
}

/** The page that begins at `address` (a multiple of the block size); null when there is no such segment, or it is shorter. */
export type ReadWalPage = (address: bigint) => Promise<Uint8Array | null>;

const SHORT_HEADER = 24;
const LONG_HEADER = 40;
const RECORD_HEADER = 24;
const CRC_OFFSET = 20;
/** XLogRecordMaxSize: 1020 MiB. */
const LONGEST = 1020 * 1024 * 1024;
const FIRST_IS_CONTRECORD = 0x0001;

/**
 * Does a whole, valid record begin at this position (xlogrecord.h, XLogRecord; xlogreader.c)? The end of a server's WAL is where none
 * does: zeros, the pages of an older segment that was recycled, or a record that was cut off in the middle.
 */
export async function isWalRecordAt(lsn: bigint, layout: WalLayout, read: ReadWalPage): Promise<boolean> {
  const begin = afterHeader(lsn, layout);
  const head = await pageAt(begin, layout, read);
  if (head === null) return false;
  const offset = Number(begin - head.address);
  const total = head.view.getUint32(offset, true);
  if (total < RECORD_HEADER || total > LONGEST) return false;
  const record = await assemble(head, offset, total, layout, read);
  return record !== null && checksumMatches(record);
}

interface Page {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** A position at the begin of a page means what follows its header. */
function afterHeader(lsn: bigint, layout: WalLayout): bigint {
  const address = lsn - (lsn % BigInt(layout.blockBytes));
  const first = address + BigInt(headerBytes(address, layout));
  return lsn < first ? first : lsn;
}

function headerBytes(address: bigint, { segmentBytes }: WalLayout): number {
  return address % BigInt(segmentBytes) === 0n ? LONG_HEADER : SHORT_HEADER;
}

/** Null for anything but the page that belongs there: a recycled segment still has the addresses of its former place. */
async function pageAt(lsn: bigint, { blockBytes }: WalLayout, read: ReadWalPage): Promise<Page | null> {
  const address = lsn - (lsn % BigInt(blockBytes));
  const bytes = await read(address);
  if (bytes === null || bytes.length < blockBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const belongs = view.getUint16(0, true) >> 8 === 0xd1 && view.getBigUint64(8, true) === address;
  return belongs ? { address, bytes, view } : null;
}

async function assemble(
  head: Page,
  offset: number,
  total: number,
  layout: WalLayout,
  read: ReadWalPage,
): Promise<Uint8Array | null> {
  const parts = [head.bytes.subarray(offset, Math.min(offset + total, layout.blockBytes))];
  let missing = total - (parts[0]?.length ?? 0);
  for (let address = head.address + BigInt(layout.blockBytes); missing > 0; address += BigInt(layout.blockBytes)) {
    const page = await pageAt(address, layout, read);
    if (page === null || !continues(page, missing)) return null;
    const begin = headerBytes(address, layout);
    const part = page.bytes.subarray(begin, Math.min(begin + missing, layout.blockBytes));
    parts.push(part);
    missing -= part.length;
  }
  return Buffer.concat(parts);
}

/** `xlp_info` and `xlp_rem_len` of XLogPageHeaderData. */
function continues({ view }: Page, missing: number): boolean {
  return (view.getUint16(2, true) & FIRST_IS_CONTRECORD) !== 0 && view.getUint32(16, true) === missing;
}

/** The checksum is of what follows the header, then of the header up to itself. */
function checksumMatches(record: Uint8Array): boolean {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const covered = Buffer.concat([record.subarray(RECORD_HEADER), record.subarray(0, CRC_OFFSET)]);
  return crc32c(covered) === view.getUint32(CRC_OFFSET, true);
}
