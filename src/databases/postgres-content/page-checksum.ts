/**
 * PostgreSQL's data page checksum (src/include/storage/checksum_impl.h, since 9.3): 32 FNV-1a hashes over interleaved
 * columns of the page, two more rounds with zero, folded by xor, mixed with the block number and brought to 1..65535.
 * Little-endian machines only, as are all that Node runs on with PostgreSQL.
 */
const FNV_PRIME = 16_777_619;

/** `checksumBaseOffsets` of checksum_impl.h: random seeds, one for each column. */
const SEEDS = Int32Array.of(
  0x5b1f36e9,
  0xb8525960,
  0x02ab50aa,
  0x1de66d2a,
  0x79ff467a,
  0x9bb9f8a3,
  0x217e7cd2,
  0x83e13d2c,
  0xf8d4474f,
  0xe39eb970,
  0x42c6ae16,
  0x993216fa,
  0x7b093b5d,
  0x98daff3c,
  0xf718902a,
  0x0b1c9cdb,
  0xe58f764b,
  0x187636bc,
  0x5d7b3bb1,
  0xe73de7de,
  0x92bec979,
  0xcca6c0b2,
  0x304a0979,
  0x85aa43d4,
  0x783125bb,
  0x6ca8eaa2,
  0xe407eac6,
  0x4b5cfc3e,
  0x9fbf8c76,
  0x15ca20be,
  0xf2ca9fd3,
  0x959bd756,
);

/** `pd_checksum` and `pd_flags` share this word of the page header (bufpage.h, PageHeaderData). */
const CHECKSUM_WORD = 2;
/** `pd_upper` is the upper half of this word, after `pd_lower`: 0 in a page that was never used (PageIsNew). */
const LOWER_UPPER_WORD = 3;

/** A page as 32-bit words; `from` is its first word, `words` its length (2048 for 8 kB). */
export function pageChecksum(data: Int32Array, from: number, words: number, block: number): number {
  const end = from + words;
  let folded = 0;
  for (let column = 0; column < 32; column += 4) folded ^= fourColumns(data, from, end, column);
  const mixed = (folded ^ block) >>> 0;
  return (mixed % 65_535) + 1;
}

/** Four columns at a time: as many independent multiplications as the processor has in flight, without leaving its registers. */
function fourColumns(data: Int32Array, from: number, end: number, column: number): number {
  let a = SEEDS[column] ?? 0;
  let b = SEEDS[column + 1] ?? 0;
  let c = SEEDS[column + 2] ?? 0;
  let d = SEEDS[column + 3] ?? 0;
  for (let at = from + column; at < end; at += 32) {
    const t0 = a ^ (data[at] ?? 0);
    const t1 = b ^ (data[at + 1] ?? 0);
    const t2 = c ^ (data[at + 2] ?? 0);
    const t3 = d ^ (data[at + 3] ?? 0);
    a = Math.imul(t0, FNV_PRIME) ^ (t0 >>> 17);
    b = Math.imul(t1, FNV_PRIME) ^ (t1 >>> 17);
    c = Math.imul(t2, FNV_PRIME) ^ (t2 >>> 17);
    d = Math.imul(t3, FNV_PRIME) ^ (t3 >>> 17);
  }
  return lastRounds(a) ^ lastRounds(b) ^ lastRounds(c) ^ lastRounds(d);
}

function lastRounds(sum: number): number {
  const once = Math.imul(sum, FNV_PRIME) ^ (sum >>> 17);
  return Math.imul(once, FNV_PRIME) ^ (once >>> 17);
}

/** `new`: all zero, allocated but never written, which is in order (bufpage.c, PageIsVerified). */
export type PageState = "good" | "new" | "bad";

/** Verifies one page; its checksum field is taken out for the computation and put back. */
export function verifyPage(data: Int32Array, from: number, words: number, block: number): PageState {
  if ((data[from + LOWER_UPPER_WORD] ?? 0) >>> 16 === 0) return allZero(data, from, words) ? "new" : "bad";
  const at = from + CHECKSUM_WORD;
  const header = data[at] ?? 0;
  data[at] = header & ~0xffff;
  const computed = pageChecksum(data, from, words, block);
  data[at] = header;
  return computed === (header & 0xffff) ? "good" : "bad";
}

function allZero(data: Int32Array, from: number, words: number): boolean {
  for (let at = from; at < from + words; at += 1) if (data[at] !== 0) return false;
  return true;
}
