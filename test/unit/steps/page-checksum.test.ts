import { describe, expect, test } from "vitest";
import { pageChecksum, verifyPage } from "../../../src/databases/postgres-content/page-checksum.ts";

const WORDS = 2048;

/** A page with a used header and some content, and the checksum for this block. */
function goodPage(block: number): Int32Array {
  const page = Int32Array.from({ length: WORDS }, (_, at) => Math.imul(at + 1, 0x9e3779b1));
  page[2] = 0;
  page[3] = (8192 << 16) | 28;
  page[2] = pageChecksum(page, 0, WORDS, block);
  return page;
}

describe("page checksum", () => {
  // Computed from the published algorithm by hand-written, unoptimized arithmetic on big integers.
  test.each([0, 1, 131_072, 0xfffffffe])("agrees with the plain algorithm for block %d", (block) => {
    const page = goodPage(block);
    const stored = page[2] ?? 0;
    page[2] = 0;
    expect(plainChecksum(page, block)).toBe(stored & 0xffff);
    expect(pageChecksum(page, 0, WORDS, block)).toBe(stored & 0xffff);
  });

  test("accepts a good page, anywhere in a buffer, and leaves it as it was", () => {
    const buffer = new Int32Array(3 * WORDS);
    buffer.set(goodPage(7), WORDS);
    const before = buffer.slice();
    expect(verifyPage(buffer, WORDS, WORDS, 7)).toBe("good");
    expect(buffer).toEqual(before);
  });

  test("refuses a good page in another block's place", () => {
    expect(verifyPage(goodPage(7), 0, WORDS, 8)).toBe("bad");
  });

  test("refuses flipped bits but for the one in 65,535 that 16 bits cannot tell", () => {
    let looks = 0;
    let missed = 0;
    for (let word = 0; word < WORDS; word += 61) {
      for (let bit = 0; bit < 32; bit += 1) {
        // The flags beside the checksum are covered as well; a cleared pd_upper makes a page that is not all zero.
        const page = goodPage(3);
        page[word] = (page[word] ?? 0) ^ (1 << bit);
        looks += 1;
        if (verifyPage(page, 0, WORDS, 3) !== "bad") missed += 1;
      }
    }
    expect(looks).toBeGreaterThan(1000);
    expect(missed).toBeLessThanOrEqual(1);
  });

  test("a page of zeros was never used; one that claims so and is not empty is bad", () => {
    const page = new Int32Array(WORDS);
    expect(verifyPage(page, 0, WORDS, 3)).toBe("new");
    page[WORDS - 1] = 1;
    expect(verifyPage(page, 0, WORDS, 3)).toBe("bad");
  });
});

const SEEDS = [
  0x5b1f36e9n,
  0xb8525960n,
  0x02ab50aan,
  0x1de66d2an,
  0x79ff467an,
  0x9bb9f8a3n,
  0x217e7cd2n,
  0x83e13d2cn,
  0xf8d4474fn,
  0xe39eb970n,
  0x42c6ae16n,
  0x993216fan,
  0x7b093b5dn,
  0x98daff3cn,
  0xf718902an,
  0x0b1c9cdbn,
  0xe58f764bn,
  0x187636bcn,
  0x5d7b3bb1n,
  0xe73de7den,
  0x92bec979n,
  0xcca6c0b2n,
  0x304a0979n,
  0x85aa43d4n,
  0x783125bbn,
  0x6ca8eaa2n,
  0xe407eac6n,
  0x4b5cfc3en,
  0x9fbf8c76n,
  0x15ca20ben,
  0xf2ca9fd3n,
  0x959bd756n,
];

function plainChecksum(page: Int32Array, block: number): number {
  const sums = [...SEEDS];
  const step = (sum: bigint, value: bigint): bigint =>
    BigInt.asUintN(32, (sum ^ value) * 16_777_619n) ^ ((sum ^ value) >> 17n);
  const mix = (column: number, value: bigint): void => {
    sums[column] = step(sums[column] ?? 0n, value);
  };
  for (const [at, word] of page.entries()) mix(at % 32, BigInt(word >>> 0));
  for (let round = 0; round < 2; round += 1) for (let column = 0; column < 32; column += 1) mix(column, 0n);
  const folded = sums.reduce((all, sum) => all ^ sum, 0n) ^ BigInt(block);
  return Number(folded % 65_535n) + 1;
}
